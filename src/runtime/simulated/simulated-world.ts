import { assert } from '../../lib/assert.ts';
import { type Clock, timestamp } from '../../lib/clock.ts';
import type { Random } from '../../lib/random.ts';
import type { PublishedPort } from '../../task/port.ts';
import type { Reason } from '../../task/reason.ts';
import type { RuntimeName } from '../../task/task-spec.ts';
import type { ExitCode } from '../../task/task-status.ts';
import { exitedReason, outOfMemoryReason } from '../ended-reason.ts';
import { instanceName } from '../event-feed.ts';
import type { InstanceKey, InstanceSpec, RuntimeEvent } from '../runtime.ts';
import { behaviourOfSpec, type SimulatedPolicy } from './simulated-behaviour.ts';
import type { SimulatedInstance } from './simulated-instance.ts';
import { allocatePorts, type PortBook } from './simulated-ports.ts';

export interface SimulatedWorldOptions {
  /** The machines' own clock: instances start and end by it, whatever the workers' clocks say. */
  readonly clock: Clock;
  /** The clock whose wall time a worker's runtimes show. Default: `clock`, for all alike. */
  readonly clockOf?: (worker: string) => Clock;
  /** How an event reaches a worker: now, later or twice. Default: now. */
  readonly deliver?: (tell: () => void) => void;
  readonly random: Random;
  /** Default: `behaviourOfSpec`. */
  readonly policy?: SimulatedPolicy;
  /** Told of each true change as it happens. Default: kept in `history`. */
  readonly observe?: (record: SimulatedRecord) => void;
}

/** One thing that truly happened, whoever noticed. Checks of a simulation read this. */
export interface SimulatedRecord extends InstanceKey {
  /** Monotonic milliseconds of the world's clock. */
  readonly atMs: number;
  readonly type: 'created' | 'started' | 'signalled' | 'ended' | 'removed';
  readonly runtime: RuntimeName;
  /** The label: whose instance it is. */
  readonly worker: string;
  readonly cluster: string;
  readonly runtimeId: string;
  readonly exitCode?: ExitCode;
  /** `runtime`: asked for through the port. `itself`: of its own accord. `outside`: meddling. */
  readonly cause: SimulatedCause;
}

export type SimulatedCause = 'runtime' | 'itself' | 'outside';

/** An instance, for those who meddle from outside. */
export interface SimulatedTarget extends InstanceKey {
  readonly worker: string;
}

/** Whoever wants to hear of one worker's instances of one runtime. */
export interface SimulatedListener {
  hear(event: RuntimeEvent): void;
  /** The worker's process was killed: never act or answer again. */
  die(): void;
}

/** The instances under one worker's label in one runtime. */
export interface SimulatedScope {
  readonly worker: string;
  readonly runtime: RuntimeName;
  readonly instances: Map<string, SimulatedInstance>;
  readonly running: Set<SimulatedInstance>;
  readonly listeners: Set<SimulatedListener>;
  readonly ports: PortBook;
  outage: string | undefined;
  losesEvents: boolean;
}

/**
 * What truly runs on all machines of a simulation, apart from any worker: it goes on when a
 * simulated worker crashes, and remembers what happened. Every operation costs the same however
 * many instances there are, and nothing here waits or touches the real machine.
 */
export class SimulatedWorld {
  readonly clock: Clock;
  readonly history: SimulatedRecord[] = [];
  readonly #clockOf: (worker: string) => Clock;
  readonly #deliver: (tell: () => void) => void;
  readonly #random: Random;
  readonly #policy: SimulatedPolicy;
  readonly #observe: (record: SimulatedRecord) => void;
  readonly #scopes = new Map<string, SimulatedScope>();
  #createdCount = 0;

  constructor(options: SimulatedWorldOptions) {
    this.clock = options.clock;
    this.#clockOf = options.clockOf ?? (() => options.clock);
    this.#deliver = options.deliver ?? ((tell) => tell());
    this.#random = options.random;
    this.#policy = options.policy ?? behaviourOfSpec;
    this.#observe = options.observe ?? ((record) => void this.history.push(record));
  }

  /** The place of one worker's instances; made when first asked for. */
  scope(worker: string, runtime: RuntimeName): SimulatedScope {
    const name = `${runtime} ${worker}`;
    let scope = this.#scopes.get(name);
    if (scope === undefined) {
      scope = {
        worker,
        runtime,
        instances: new Map(),
        running: new Set(),
        listeners: new Set(),
        ports: { taken: new Map(), next: 32_768 },
        outage: undefined,
        losesEvents: false,
      };
      this.#scopes.set(name, scope);
    }
    return scope;
  }

  // What runtimes do.

  create(scope: SimulatedScope, instance: InstanceSpec): SimulatedInstance {
    const key: InstanceKey = { taskId: instance.taskId, attempt: instance.attempt };
    const name = instanceName(key);
    assert(!scope.instances.has(name), `there is no second instance ${name}`);
    this.#createdCount += 1;
    const number = this.#createdCount;
    const created: SimulatedInstance = {
      key,
      cluster: instance.cluster,
      spec: instance.spec,
      runtimeId:
        scope.runtime === 'process' ? `${1000 + number}` : number.toString(16).padStart(64, '0'),
      behaviour: this.#policy(
        { ...instance, worker: scope.worker, runtime: scope.runtime },
        this.#random,
      ),
      phase: 'created',
      ports: [],
      startedAtMs: 0,
      finishedAtMs: 0,
    };
    scope.instances.set(name, created);
    this.#record(scope, created, { type: 'created', cause: 'runtime' });
    return created;
  }

  /** @throws CubeError `port-taken`. */
  start(scope: SimulatedScope, instance: SimulatedInstance): void {
    assert(instance.phase === 'created', 'only what was created and never ran is started');
    instance.ports = allocatePorts(scope.ports, instance.spec, instanceName(instance.key));
    instance.phase = 'running';
    instance.startedAtMs = this.clock.monotonic();
    instance.startedAt = timestamp(this.#clockOf(scope.worker));
    scope.running.add(instance);
    this.#changed(scope, instance, { type: 'started', cause: 'runtime' });
    const { exit, outOfMemoryAfterMs } = instance.behaviour;
    if (outOfMemoryAfterMs !== undefined) {
      const reason = outOfMemoryReason(instance.spec.memory);
      this.#endAfter(scope, instance, { afterMs: outOfMemoryAfterMs, exitCode: 137, reason });
    } else if (exit !== undefined) {
      const reason = exitedReason(exit.code);
      this.#endAfter(scope, instance, { afterMs: exit.afterMs, exitCode: exit.code, reason });
    }
  }

  /** A stop signal reaches it; what it does then is its own affair. */
  signal(scope: SimulatedScope, instance: SimulatedInstance, signalNumber: number): void {
    if (instance.phase !== 'running') return;
    this.#record(scope, instance, { type: 'signalled', cause: 'runtime' });
    const { ignoresStop = false, stopMs = 0, stopCode = 128 + signalNumber } = instance.behaviour;
    if (ignoresStop || instance.stopTimer !== undefined) return;
    const end = { exitCode: stopCode, reason: exitedReason(stopCode), cause: 'itself' } as const;
    if (stopMs === 0) {
      this.end(scope, instance, end);
      return;
    }
    instance.stopTimer = this.clock.setTimer(stopMs, () => this.end(scope, instance, end));
  }

  end(
    scope: SimulatedScope,
    instance: SimulatedInstance,
    end: {
      readonly exitCode: ExitCode;
      readonly reason: Reason;
      readonly cause: SimulatedCause;
    },
  ): void {
    if (instance.phase !== 'running') return;
    instance.phase = 'ended';
    instance.end = { exitCode: end.exitCode, reason: end.reason };
    instance.finishedAtMs = this.clock.monotonic();
    instance.finishedAt = timestamp(this.#clockOf(scope.worker));
    this.#cease(scope, instance);
    this.#changed(scope, instance, {
      type: 'ended',
      cause: end.cause,
      exitCode: end.exitCode,
    });
  }

  remove(scope: SimulatedScope, instance: SimulatedInstance, cause: SimulatedCause): void {
    if (!scope.instances.delete(instanceName(instance.key))) return;
    if (instance.phase === 'running') instance.finishedAtMs = this.clock.monotonic();
    instance.phase = 'ended';
    this.#cease(scope, instance);
    this.#changed(scope, instance, { type: 'removed', cause });
  }

  // What may be done to the machines from outside.

  /** It ends by itself, now, with this code; `unknown` for one that gets lost. */
  exit(target: SimulatedTarget, exitCode: ExitCode): void {
    this.#meddle(target, (scope, instance) => {
      this.end(scope, instance, { exitCode, reason: exitedReason(exitCode), cause: 'outside' });
    });
  }

  /** Somebody kills it behind the worker's back. */
  kill(target: SimulatedTarget): void {
    this.exit(target, 137);
  }

  /** Somebody removes it, running or not, with all that is left of it. */
  removeBehindBack(target: SimulatedTarget): void {
    this.#meddle(target, (scope, instance) => this.remove(scope, instance, 'outside'));
  }

  /** The machine of a worker loses power and comes back: what ran has ended, nobody knows how. */
  reboot(worker: string): void {
    for (const scope of this.#scopesOf(worker)) {
      for (const instance of scope.running) {
        const reason: Reason = {
          code: 'lost-on-reboot',
          message: 'The machine was restarted while it ran; its exit code is not known.',
        };
        this.end(scope, instance, { exitCode: 'unknown', reason, cause: 'outside' });
      }
    }
    this.disconnect(worker);
  }

  /** The worker's process is killed: no runtime object made before acts or hears any more. */
  disconnect(worker: string): void {
    for (const scope of this.#scopesOf(worker)) {
      for (const listener of scope.listeners) listener.die();
      scope.listeners.clear();
    }
  }

  /** While `losing`, events of a worker's instances are lost without a trace. */
  loseEvents(worker: string, losing: boolean): void {
    for (const scope of this.#scopesOf(worker)) scope.losesEvents = losing;
  }

  /** The connection for events breaks and comes back, as when the engine is restarted. */
  resync(worker: string): void {
    for (const scope of this.#scopesOf(worker)) this.#tell(scope, { type: 'resync' });
  }

  /** The runtimes of a worker do not answer, for this reason; until called without one. */
  setOutage(worker: string, reason?: string): void {
    for (const scope of this.#scopesOf(worker)) {
      const wasOut = scope.outage !== undefined;
      scope.outage = reason;
      if (wasOut && reason === undefined) this.#tell(scope, { type: 'resync' });
    }
  }

  /** Another program on the worker's machine takes a port, or lets go of it. */
  occupyPort(
    worker: string,
    port: Pick<PublishedPort, 'protocol' | 'host'>,
    holder?: string,
  ): void {
    const name = `${port.protocol}/${port.host}`;
    for (const scope of this.#scopesOf(worker)) {
      if (holder === undefined) scope.ports.taken.delete(name);
      else scope.ports.taken.set(name, holder);
    }
  }

  #scopesOf(worker: string): readonly SimulatedScope[] {
    return [this.scope(worker, 'docker'), this.scope(worker, 'process')];
  }

  #meddle(
    target: SimulatedTarget,
    act: (scope: SimulatedScope, instance: SimulatedInstance) => void,
  ): void {
    const name = instanceName(target);
    for (const scope of this.#scopesOf(target.worker)) {
      const instance = scope.instances.get(name);
      if (instance !== undefined) act(scope, instance);
    }
  }

  #endAfter(
    scope: SimulatedScope,
    instance: SimulatedInstance,
    end: { readonly afterMs: number; readonly exitCode: ExitCode; readonly reason: Reason },
  ): void {
    instance.exitTimer = this.clock.setTimer(end.afterMs, () => {
      this.end(scope, instance, { ...end, cause: 'itself' });
    });
  }

  /** Lets go of all that only what runs has. */
  #cease(scope: SimulatedScope, instance: SimulatedInstance): void {
    scope.running.delete(instance);
    instance.exitTimer?.cancel();
    instance.stopTimer?.cancel();
    for (const port of instance.ports) scope.ports.taken.delete(`${port.protocol}/${port.host}`);
  }

  #changed(
    scope: SimulatedScope,
    instance: SimulatedInstance,
    record: Pick<SimulatedRecord, 'type' | 'cause' | 'exitCode'>,
  ): void {
    this.#record(scope, instance, record);
    if (record.type !== 'started') {
      for (const wake of instance.onEnd ?? []) wake();
      delete instance.onEnd;
    }
    const event = { type: 'changed', key: instance.key } as const;
    this.#tell(scope, record.type === 'started' ? { ...event, isStart: true } : event);
  }

  #tell(scope: SimulatedScope, event: RuntimeEvent): void {
    if (scope.losesEvents || scope.outage !== undefined) return;
    for (const listener of scope.listeners) this.#deliver(() => listener.hear(event));
  }

  #record(
    scope: SimulatedScope,
    instance: SimulatedInstance,
    record: Pick<SimulatedRecord, 'type' | 'cause' | 'exitCode'>,
  ): void {
    this.#observe({
      atMs: this.clock.monotonic(),
      runtime: scope.runtime,
      worker: scope.worker,
      cluster: instance.cluster,
      runtimeId: instance.runtimeId,
      ...instance.key,
      ...record,
    });
  }
}
