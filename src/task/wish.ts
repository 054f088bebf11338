import type { TaskSpec } from './task-spec.ts';

/** What the body of a submission asks for. */
export type Wish =
  | { readonly kind: 'run'; readonly id?: string; readonly spec: TaskSpec }
  /** Only from the reference's form: a task event with the state Completed. */
  | { readonly kind: 'stop'; readonly id: string };
