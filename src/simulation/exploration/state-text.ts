import { createHash } from 'node:crypto';
import type { SettledContext } from '../invariants/settled.ts';
import { TASK_ID } from './explored-client.ts';
import type { InFlight } from './in-flight.ts';

const TIME = /^\d{4}-\d\d-\d\dT/;
const RUNTIMES = ['docker', 'process'] as const;

/** What a state is told by. */
export interface ShownState extends SettledContext {
  readonly inFlight: InFlight;
  /** What else tells one state from another. */
  readonly more: unknown;
}

/** All that can be seen of the processes, and what is under way. Times make no difference. */
export async function showState(state: ShownState): Promise<string> {
  const { cluster, log, world, inFlight, more } = state;
  const shown: unknown[] = [
    more,
    [...log.tasks.values()],
    [...log.nodes.values()].map(({ name, liveness }) => [name, liveness]),
    inFlight
      .all()
      .map(({ name, content }) => `${name} ${plainText(content)}`)
      .sort(),
    [cluster.hasManager, cluster.clock.timerCount],
    world.running().map(({ attempt, worker }) => [attempt, worker]),
  ];
  for (const { store, worker, identity } of cluster.machines.values()) {
    const attempts = await store.list('attempts', { limit: 100 });
    const instances = RUNTIMES.flatMap((name) => [
      ...cluster.world.scope(identity.id, name).instances.values(),
    ]);
    shown.push(
      worker !== undefined,
      attempts.map(({ key, value }) => [key, value]),
      instances.map(({ key, phase }) => [key, phase]),
    );
  }
  return digest(plainText(shown));
}

/** A short name for a long text. */
export function digest(text: string): string {
  return createHash('sha1').update(text).digest('base64').slice(0, 14);
}

function plainText(value: unknown): string {
  return (
    JSON.stringify(value, (key, part: unknown) => {
      // Which id an event has, and when it was, makes no difference.
      if (key === 'id' && part !== TASK_ID) return undefined;
      return typeof part === 'string' && TIME.test(part) ? '' : part;
    }) ?? ''
  );
}
