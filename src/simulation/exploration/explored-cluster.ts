import type { SimulatedRecord } from '../../runtime/simulated/simulated-world.ts';
import type { Store } from '../../store/store.ts';
import { type PortPatches, patched } from '../cluster/port-patches.ts';
import { SimulatedCluster } from '../cluster/simulated-cluster.ts';
import { LogWatch } from '../invariants/log-watch.ts';
import { leftovers, type SettledContext, unsettled } from '../invariants/settled.ts';
import { StandaloneWatch } from '../invariants/standalone-watch.ts';
import { WorldWatch } from '../invariants/world-watch.ts';
import { drain } from '../virtual-clock.ts';
import type { Choice, Met } from './choice.ts';
import { ExploredClient, TASK_ID } from './explored-client.ts';
import { ExploredLink } from './explored-link.ts';
import { heldStore } from './held-store.ts';
import { type Flight, InFlight } from './in-flight.ts';
import type { Scope } from './scope.ts';
import { digest, showState } from './state-text.ts';

const NODES = ['n1', 'n2'] as const;
const NODE_TIMEOUT_MS = 2000;
/** Virtual time goes on by so much at once. */
const TICK_MS = 100;
/** When nothing has happened for so long, nothing more will happen by itself. */
const QUIET_MS = 4000;
/** Within so long everything must come to rest, once nothing goes wrong any more. */
const SETTLE_MS = 60_000;

/**
 * A real manager and two real workers of which every step is chosen from outside: the delivery of
 * each message, the end of each write, what the client asks, the passing of time, and the few
 * things that may go wrong.
 */
export class ExploredCluster implements AsyncDisposable {
  readonly log = new LogWatch();
  readonly world = new WorldWatch();
  readonly #scope: Scope;
  readonly #cluster: SimulatedCluster;
  readonly #inFlight = new InFlight();
  readonly #client: ExploredClient;
  readonly #context: SettledContext;
  /** All that each process has met, digested. */
  #met = new Map<string, string>();
  /** The same without order, since all was at rest. */
  #metSince = new Set<string>();
  #state = '';
  readonly #starts = new Set<string>();
  readonly #violations: string[] = [];
  #managerCount = 0;
  #starting = '';
  #crashCount = 0;
  #copyCount = 0;
  #lossCount = 0;
  #isQuiet = false;

  constructor(scope: Scope) {
    this.#scope = scope;
    if (scope.onNodeLost === 'wait') this.world.atMostOnce.add(TASK_ID);
    this.#cluster = new SimulatedCluster({
      observe: (record) => this.#onWorld(record),
      onWritten: (transaction) => this.log.onWritten(transaction),
      patches: this.#patches(scope.patches ?? {}),
      manager: {
        nodeTimeoutMs: NODE_TIMEOUT_MS,
        workerAddresses: NODES.map((name) => `http://${name}:5556`),
      },
    });
    this.#client = new ExploredClient(scope, this.#cluster, this.#inFlight);
    this.#context = {
      cluster: this.#cluster,
      log: this.log,
      world: this.world,
      // Nobody gives a task to a worker directly.
      standalone: new StandaloneWatch(this.#cluster, { mayForget: false, onRestart: () => {} }),
    };
    for (const name of NODES) this.#cluster.addMachine(name, { isAnnounced: false });
  }

  /** Two nodes that are up: here every exploration begins. */
  async begin(): Promise<void> {
    for (const name of NODES) this.#startWorker(name);
    this.#startManager();
    await this.#play(() => [...this.log.nodes.values()].length === NODES.length, SETTLE_MS);
    await this.#play(() => false, 2 * TICK_MS + 1000);
    for (const name of ['manager', ...NODES]) this.#met.set(name, '');
  }

  get violations(): readonly string[] {
    return [...this.log.violations, ...this.world.violations, ...this.#violations];
  }

  /** Equal for two paths after which every process has met the same: nothing tells them apart. */
  get history(): string {
    return this.#keyWith(this.#met);
  }

  /** Equal for two paths that nobody could tell apart by what they have led to. */
  get state(): string {
    if (this.#scope.isStrict === true) return this.history;
    return digest(`${this.#state} ${[...this.#metSince].sort()} ${this.#isQuiet}`);
  }

  /** The history after a choice, unless something else comes of it at once. */
  historyAfter({ name, actors }: Choice): string {
    const met = new Map(this.#met);
    for (const actor of actors) met.set(actor, digest(`${met.get(actor)}|${name}`));
    return this.#keyWith(met);
  }

  /** All that may happen now, what goes well first; nothing once all is quiet. */
  choices(): readonly Choice[] {
    if (this.#isQuiet) return [];
    return [
      ...this.#deliveries(),
      ...this.#wishes(),
      ...this.#restarts(),
      ...this.#lateCopies(),
      ...this.#mishaps(),
    ];
  }

  async take(choice: Choice): Promise<void> {
    for (const actor of choice.actors) this.#meet(actor, choice.name);
    await this.retake(choice);
    this.#state = await this.#show();
    if (this.#inFlight.isEmpty) this.#rest();
  }

  /** Takes a step that was taken before on such a path; `goOnFrom` tells what has been met by then. */
  async retake({ act }: Choice): Promise<void> {
    await act();
    await drain();
    await this.#deliverInstant();
  }

  get met(): Met {
    return { inOrder: new Map(this.#met), sinceRest: new Set(this.#metSince) };
  }

  goOnFrom({ inOrder, sinceRest }: Met): void {
    this.#met = new Map(inOrder);
    this.#metSince = new Set(sinceRest);
  }

  /** From here on nothing goes wrong any more; what is not as it must be then. */
  async judge(): Promise<readonly string[]> {
    this.#isQuiet = false;
    for (const { name, act } of this.#restarts()) if (name !== 'time') await act();
    await this.#play(() => this.#unsettled().length === 0, SETTLE_MS);
    const violations = [...this.violations, ...this.#unsettled()];
    if (violations.length > 0) return violations;
    await this.#play(() => false, QUIET_MS);
    const { manager } = this.#cluster;
    await this.#client.requests.read(TASK_ID, async () => (await manager.getTask(TASK_ID)).task);
    return [
      ...this.violations,
      ...this.#unsettled(),
      ...(await leftovers(this.#context)),
      ...this.#client.requests.violations(),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster[Symbol.asyncDispose]();
  }

  #unsettled(): readonly string[] {
    return [...unsettled(this.#context), ...this.#client.unkept(this.log.tasks.get(TASK_ID))];
  }

  #keyWith(met: ReadonlyMap<string, string>): string {
    const all = ['manager', ...NODES].map((name) => met.get(name)).join(' ');
    return digest(`${all} ${this.#isQuiet}`);
  }

  #show(): Promise<string> {
    const counts = [this.#managerCount, this.#crashCount, this.#copyCount, this.#lossCount];
    return showState({
      ...this.#context,
      inFlight: this.#inFlight,
      more: [counts, [...this.#client.acknowledged], [...this.#starts]],
    });
  }

  /**
   * Nothing is under way: what the processes will do is told by what can be seen of them, however
   * it came about.
   */
  #rest(): void {
    for (const actor of this.#met.keys()) this.#met.set(actor, this.#state);
    this.#metSince.clear();
  }

  #meet(actor: string, what: string): void {
    this.#metSince.add(`${actor}: ${what}`);
    this.#met.set(actor, digest(`${this.#met.get(actor)}|${what}`));
  }

  #deliveries(): readonly Choice[] {
    return this.#inFlight.ready().flatMap((one) => (one.kind === 'late' ? [] : this.#arrival(one)));
  }

  #lateCopies(): readonly Choice[] {
    const flights = this.#inFlight.all().filter(({ kind }) => kind === 'late');
    return flights.map((one) => this.#arrival(one));
  }

  #arrival(flight: Flight): Choice {
    return {
      name: flight.name,
      actors: [flight.actor],
      act: () => this.#deliver(flight),
    };
  }

  #wishes(): readonly Choice[] {
    const { next } = this.#client;
    if (next === undefined) return [];
    const ask = { name: next, actors: ['manager'], act: () => this.#client.ask(next) };
    if (this.#copyCount >= this.#scope.copyCountMax) return [ask];
    const act = (): void => {
      this.#copyCount += 1;
      this.#inFlight.add(this.#client.copyOf(next));
      this.#client.ask(next);
    };
    return [ask, { name: `${next} twice`, actors: ['manager'], act }];
  }

  #restarts(): readonly Choice[] {
    const dead = NODES.filter((name) => this.#cluster.machines.get(name)?.worker === undefined);
    const isAwaited = this.#inFlight.isEmpty && this.#client.isDone;
    return [
      ...(this.#cluster.hasManager
        ? []
        : [{ name: 'start manager', actors: ['manager'], act: () => this.#startManager() }]),
      ...dead.map((name) => ({
        name: `start ${name}`,
        actors: [name],
        act: () => this.#startWorker(name),
      })),
      ...(isAwaited
        ? [{ name: 'time', actors: ['manager', ...NODES], act: () => this.#letTimePass() }]
        : []),
    ];
  }

  #mishaps(): readonly Choice[] {
    const { crashCountMax, copyCountMax, lossCountMax } = this.#scope;
    const flights = this.#inFlight.all();
    return [
      ...(this.#crashCount < crashCountMax ? this.#crashes() : []),
      ...(this.#lossCount < lossCountMax ? flights.flatMap((one) => this.#loss(one)) : []),
      ...(this.#copyCount < copyCountMax ? flights.flatMap((one) => this.#copy(one)) : []),
    ];
  }

  #crashes(): readonly Choice[] {
    const running = NODES.filter((name) => this.#cluster.machines.get(name)?.worker !== undefined);
    const victims = [...(this.#cluster.hasManager ? ['manager'] : []), ...running];
    return victims.flatMap((victim) => {
      // Its streams break off, which everybody notices.
      const actors = victim === 'manager' ? ['manager', ...NODES] : [victim];
      const kill = { name: `kill ${victim}`, actors, act: () => this.#kill(victim) };
      const write = this.#inFlight
        .all()
        .find((one) => one.kind === 'write' && one.actor === victim);
      if (write === undefined) return [kill];
      const act = async (): Promise<void> => {
        // On the disk, but the process does not live to hear of it.
        write.lose?.();
        await drain();
        this.#kill(victim);
      };
      return [kill, { name: `kill ${victim} after ${write.name}`, actors, act }];
    });
  }

  #loss(flight: Flight): readonly Choice[] {
    const { lose } = flight;
    if (flight.kind !== 'message' || lose === undefined || flight.isInstant === true) return [];
    const act = (): void => {
      this.#lossCount += 1;
      this.#inFlight.take(flight);
      lose();
    };
    return [{ name: `lose ${flight.name}`, actors: ['manager', flight.actor], act }];
  }

  #copy(flight: Flight): readonly Choice[] {
    const { copy } = flight;
    if (copy === undefined) return [];
    const act = (): void => {
      this.#copyCount += 1;
      this.#deliver(flight);
      this.#inFlight.add(copy());
    };
    return [{ name: `${flight.name}, twice`, actors: [flight.actor], act }];
  }

  #deliver(flight: Flight): void {
    this.#inFlight.take(flight);
    flight.deliver();
  }

  #kill(victim: string): void {
    this.#crashCount += 1;
    if (victim === 'manager') {
      this.#cluster.killManager();
      this.#inFlight.dropOf(`manager ${this.#managerCount}`);
    } else {
      this.#cluster.killWorker(victim);
      this.#inFlight.dropOf(victim);
    }
  }

  #startManager(): void {
    this.#managerCount += 1;
    this.#starting = `manager ${this.#managerCount}`;
    this.#cluster.startManager().catch((error: unknown) => {
      this.#violations.push(`[no-crash] the manager does not start: ${String(error)}`);
    });
  }

  #startWorker(name: string): void {
    this.#starting = name;
    this.#cluster.startWorker(name).catch((error: unknown) => {
      this.#violations.push(`[no-crash] ${name} does not start: ${String(error)}`);
    });
  }

  /** Until something is under way or has happened; if nothing does, all is quiet. */
  async #letTimePass(): Promise<void> {
    const before = this.#happened;
    for (let ms = 0; ms < QUIET_MS; ms += TICK_MS) {
      await this.#cluster.clock.advance(TICK_MS);
      await this.#deliverInstant();
      if (!this.#inFlight.isEmpty || this.#happened !== before) return;
    }
    this.#isQuiet = true;
  }

  get #happened(): number {
    return this.log.events.length + this.world.history.length;
  }

  /** Everything goes well: all arrives as soon as it is sent, and the client asks what it wants. */
  async #play(until: () => boolean, forMs: number): Promise<void> {
    for (let ms = 0; ms < forMs && !until(); ) {
      const [flight] = this.#inFlight.all();
      const isAsking = this.#met.size > 0 && this.#client.next === 'submit';
      if (flight !== undefined) this.#deliver(flight);
      else if (isAsking) this.#client.ask('submit');
      else {
        await this.#cluster.clock.advance(TICK_MS);
        ms += TICK_MS;
      }
      await drain();
    }
  }

  async #deliverInstant(): Promise<void> {
    for (;;) {
      const flight = this.#inFlight.all().find(({ isInstant }) => isInstant === true);
      if (flight === undefined) return;
      this.#meet('manager', flight.name);
      this.#deliver(flight);
      await drain();
    }
  }

  #onWorld(record: SimulatedRecord): void {
    this.world.observe(record);
    if (record.type !== 'started') return;
    const { taskId, attempt } = record;
    const name = `${taskId}/${attempt}`;
    if (this.#starts.has(name)) this.#violations.push(`[one-per-attempt] ${name} started again`);
    this.#starts.add(name);
  }

  #patches(bug: PortPatches): PortPatches {
    const held = (store: Store, actor: string): Store =>
      heldStore(store, { inFlight: this.#inFlight, actor, owner: this.#starting });
    return {
      ...bug,
      managerStore: (store) => patched(bug.managerStore, held(store, 'manager')),
      workerStore: (store) => patched(bug.workerStore, held(store, this.#starting)),
      link: () =>
        patched(
          bug.link,
          new ExploredLink({
            inFlight: this.#inFlight,
            machines: this.#cluster.machines,
            owner: this.#starting,
          }),
        ),
    };
  }
}
