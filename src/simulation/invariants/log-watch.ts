import type { CubeEvent } from '../../event/event.ts';
import { foldInto } from '../../manager/replay.ts';
import type { Node } from '../../node/node.ts';
import { heldPorts } from '../../scheduler/port-keys.ts';
import type { Transaction } from '../../store/store.ts';
import { parseConstraint } from '../../task/constraint.ts';
import { isFinal, isPlaced, type Task } from '../../task/task.ts';
import { isSamePlain } from '../plain.ts';
import { brokenByMove } from './drain-rules.ts';
import { brokenRules } from './event-rules.ts';

/**
 * Reads every transaction of the manager as it reaches the disk, and holds it against what must
 * be true of the log at every revision.
 */
export class LogWatch {
  readonly events: CubeEvent[] = [];
  readonly violations: string[] = [];
  readonly tasks = new Map<string, Task>();
  readonly nodes = new Map<string, Node>();
  readonly prunedIds = new Set<string>();
  #epoch = 0;
  #floor = 0;
  readonly #ended = new Set<string>();
  /** Tasks whose stop is in the log. */
  readonly #stopped = new Set<string>();

  readonly onWritten = ({ put = [], remove = [] }: Transaction): void => {
    for (const { collection, value } of put) {
      if (collection === 'events') this.#take(value as unknown as CubeEvent);
    }
    for (const { collection, value, key } of put) {
      if (collection !== 'tasks' && collection !== 'nodes') continue;
      const folded = collection === 'tasks' ? this.tasks.get(key) : this.nodes.get(key);
      if (isSamePlain(folded, value)) continue;
      if (collection === 'tasks' && hasOtherSpec(value, this.tasks.get(key))) {
        this.#violated('spec-immutable', `the record of ${key} has another spec than its first`);
      } else this.#violated('atomic', `the record of ${key} is not the fold of its events`);
    }
    for (const { collection, key } of remove) {
      if (collection === 'tasks' && this.tasks.has(key)) {
        this.#violated('atomic', `the record of ${key} was removed without an event`);
      }
    }
    this.#checkNodes();
  };

  #take(event: CubeEvent): void {
    const expected = (this.events.at(-1)?.revision ?? 0) + 1;
    if (event.revision !== expected) {
      this.#violated('rev-contiguous', `revision ${event.revision} follows ${expected - 1}`);
    }
    this.events.push(event);
    if (event.epoch !== undefined) {
      if (event.epoch <= this.#epoch) this.#violated('epoch-monotone', `epoch ${event.epoch}`);
      this.#epoch = event.epoch;
    }
    if (event.floor !== undefined) this.#checkFloor(event.floor);
    const before = event.taskId === undefined ? undefined : this.tasks.get(event.taskId);
    for (const [check, what] of brokenByMove(event, this)) {
      this.#violated(check, `task ${event.taskId}: ${what}`);
    }
    try {
      foldInto(this, event);
    } catch (error) {
      this.#violated('transition', `revision ${event.revision}: ${String(error)}`);
    }
    const after = event.taskId === undefined ? undefined : this.tasks.get(event.taskId);
    if (event.taskId !== undefined) this.#checkTask(event, before, after);
  }

  #checkTask(event: CubeEvent, before: Task | undefined, after: Task | undefined): void {
    const { taskId = '', attempt, type } = event;
    const name = `task ${taskId}, revision ${event.revision}`;
    if (event.before !== before?.status.state || event.after !== after?.status.state) {
      this.#violated('state-is-fold', `${name}: from and to are not those of the fold`);
    }
    for (const [check, what] of brokenRules({ event, before, after })) {
      this.#violated(check, `${name}: ${what}`);
    }
    if (type === 'task-pruned') {
      if (before === undefined || !isFinal(before)) this.#violated('prune-safe', name);
      this.prunedIds.add(taskId);
    }
    if (type === 'task-submitted') {
      if (before !== undefined) this.#violated('idempotent', `${name}: submitted twice`);
      if (this.prunedIds.has(taskId)) this.#violated('idempotent', `${name}: rose from the pruned`);
    }
    if (type === 'task-stop-requested') this.#stopped.add(taskId);
    if (type === 'task-scheduled' && this.#stopped.has(taskId)) this.#violated('stop-wins', name);
    if (after === undefined) return;
    if (attempt !== undefined && attempt > after.status.attempt) {
      this.#violated('attempt-monotone', `${name}: speaks of attempt ${attempt}`);
    }
    this.#checkEnd(event, before, after);
    if (type === 'task-scheduled') this.#checkPlacement(event, after);
  }

  #checkEnd(event: CubeEvent, before: Task | undefined, after: Task): void {
    const wasPlaced = before !== undefined && isPlaced(before);
    const name = `task ${after.id}, revision ${event.revision}`;
    const { state, reason, exitCode } = after.status;
    if (state === 'failed' && (reason === undefined || reason.message === '')) {
      this.#violated('reason', `${name}: failed without a reason`);
    }
    if (!wasPlaced || isPlaced(after)) return;
    const key = `${after.id}/${event.attempt}`;
    if (this.#ended.has(key)) this.#violated('exit-once', `${name}: attempt ${event.attempt}`);
    this.#ended.add(key);
    if (event.attempt !== after.status.attempt) this.#violated('attempt-monotone', name);
    if (state === 'failed' && exitCode === undefined) {
      this.#violated('reason', `${name}: failed without an exit code or the word unknown`);
    }
  }

  #checkPlacement(event: CubeEvent, task: Task): void {
    const node = this.nodes.get(event.node ?? '');
    const name = `task ${task.id}, revision ${event.revision}`;
    if (node === undefined || node.liveness !== 'up' || node.draining) {
      this.#violated('constraints', `${name}: placed on ${event.node}, ${node?.liveness}`);
    }
    const runtime = node?.runtimes.find((one) => one.name === task.spec.runtime);
    if (runtime?.available !== true) {
      this.#violated('constraints', `${name}: ${event.node} has no ${task.spec.runtime} runtime`);
    }
    for (const text of task.spec.constraints) {
      const { label, operator, value } = parseConstraint(text);
      const found = label === 'node.name' ? node?.name : node?.labels[label];
      if ((found === value) === (operator === '==')) continue;
      this.#violated('constraints', `${name}: placed on ${event.node} against "${text}"`);
    }
  }

  /** Events that are kept: those above the floor. */
  get keptCount(): number {
    return this.events.length - this.#floor;
  }

  #checkFloor(floor: number): void {
    if (floor <= this.#floor) this.#violated('prune-safe', `the floor falls to ${floor}`);
    this.#floor = floor;
  }

  /** What is promised on each node fits, and no port is promised twice. */
  #checkNodes(): void {
    const promised = new Map<string, { cpu: number; memory: number; ports: Set<string> }>();
    for (const task of this.tasks.values()) {
      if (!isPlaced(task) || task.status.node === undefined) continue;
      const node = promised.get(task.status.node) ?? { cpu: 0, memory: 0, ports: new Set() };
      promised.set(task.status.node, node);
      node.cpu += task.spec.cpu ?? 0;
      node.memory += task.spec.memory ?? 0;
      for (const port of heldPorts(task)) {
        if (node.ports.has(port)) this.#violated('ports', `${port} on ${task.status.node} twice`);
        node.ports.add(port);
      }
    }
    for (const [name, { cpu, memory }] of promised) {
      const capacity = this.nodes.get(name)?.capacity ?? { cpu: 0, memory: 0 };
      if (cpu > capacity.cpu + 1e-9 || memory > capacity.memory) {
        this.#violated('capacity', `${cpu} cores and ${memory} bytes promised on ${name}`);
      }
    }
  }

  #violated(check: string, what: string): void {
    this.violations.push(`[${check}] at revision ${this.events.length}: ${what}`);
  }
}

function hasOtherSpec(record: unknown, task: Task | undefined): boolean {
  const { spec } = Object(record);
  return task !== undefined && !isSamePlain(spec, task.spec);
}
