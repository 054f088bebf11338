import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Node } from '../../src/node/node.ts';
import { createScheduler } from '../../src/scheduler/create-scheduler.ts';
import { type SchedulerName, schedulerNames } from '../../src/scheduler/scheduler.ts';
import { managerCollections } from '../../src/store/collections.ts';
import { type ManagerChanges, ManagerRepository } from '../../src/store/manager-repository.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { type TaskSpec, taskSpecSchema } from '../../src/task/task-spec.ts';
import { GIB, makeNode } from '../../tests/support/cluster.ts';
import type { Contender, Figure, OpenPart, Part, Readings, Trial } from '../suite/part.ts';
import { timesAtLeast } from '../suite/target.ts';
import { timePlacements } from '../support/placing.ts';

const MIB = 1024 ** 2;
const ZONES = 10;

/** Longest that one cell of the grid should take, in milliseconds; the tasks are as many as fit. */
const CELL_MS = 350;
const PROBE_TASKS = 20;
const TASKS_MAX = 10_000;

interface Setting {
  readonly scheduler: SchedulerName;
  readonly nodeCount: number;
  readonly tasks: 'equal' | 'different';
  readonly isConstrained: boolean;
}

const grid: readonly Setting[] = [100, 1000, 10_000, 100_000].flatMap((nodeCount) =>
  schedulerNames.flatMap((scheduler) =>
    (['equal', 'different'] as const).flatMap((tasks) =>
      [false, true].map((isConstrained) => ({ scheduler, nodeCount, tasks, isConstrained })),
    ),
  ),
);

/** The settings with a target. */
const aims: readonly (Setting & { readonly taskCount: number; readonly atLeast: number })[] = [
  { nodeCount: 1000, taskCount: 10_000, atLeast: 0.25 },
  { nodeCount: 5000, taskCount: 10_000, atLeast: 0.5 },
  { nodeCount: 100_000, taskCount: 1000, atLeast: 0.7 },
].map((aim) => ({ ...aim, scheduler: 'epvm', tasks: 'different', isConstrained: false }));

function nameOf({ scheduler, nodeCount, tasks, isConstrained }: Setting): string {
  const constrained = isConstrained ? ', constrained' : '';
  return `${scheduler}, ${nodeCount.toLocaleString('en-US')} nodes, ${tasks} tasks${constrained}`;
}

function scanName(nodeCount: number): string {
  return `scan ${nodeCount}`;
}

const scan = (nodeCount: number) => ({
  name: 'scan of cached scores',
  of: scanName(nodeCount),
});

const figures: readonly Figure[] = [
  ...aims.map(
    (aim): Figure => ({
      name: `${nameOf(aim)}: ${aim.taskCount.toLocaleString('en-US')} of them`,
      unit: '/s',
      ours: `aim ${nameOf(aim)}`,
      reference: scan(aim.nodeCount),
      target: timesAtLeast(aim.atLeast),
    }),
  ),
  {
    name: 'made durable, 1,000 nodes',
    unit: '/s',
    ours: 'durable rate',
    reference: { name: 'the same records, bulk loaded', of: 'bulk rate' },
    target: timesAtLeast(0.5),
  },
  ...schedulerNames.map(
    (scheduler): Figure => ({
      name: `${scheduler}, cost of a placement at 10,000 nodes`,
      unit: '×',
      ours: `growth ${scheduler}`,
      reference: { name: 'at 100 nodes', of: () => 1 },
    }),
  ),
  ...grid.map(
    (setting): Figure => ({
      name: nameOf(setting),
      unit: '/s',
      ours: nameOf(setting),
      reference: scan(setting.nodeCount),
    }),
  ),
];

function makeNodes(count: number): readonly Node[] {
  return Array.from({ length: count }, (_, index) =>
    makeNode(`n${String(index).padStart(6, '0')}`, {
      capacity: { cpu: 64, memory: 256 * GIB, disk: 1024 * GIB },
      labels: { zone: `z${index % ZONES}` },
      observed: { cpu: (index % 7) / 10, memory: (index % 11) * 64 * MIB, disk: 10 * GIB },
    }),
  );
}

/** No two of different tasks ask for the same. */
function makeSpecs(setting: Setting): readonly TaskSpec[] {
  return Array.from({ length: TASKS_MAX }, (_, index) => {
    const isDifferent = setting.tasks === 'different';
    const zone = `zone == z${isDifferent ? index % ZONES : 3}`;
    return taskSpecSchema.parse({
      name: 'task',
      command: 'sleep',
      cpu: isDifferent ? (10 + (index % 97)) / 1000 : 0.05,
      memory: isDifferent ? 16 * MIB + 4096 * index : 32 * MIB,
      constraints: setting.isConstrained ? [zone] : [],
    });
  });
}

/** What was prepared once: nodes by their number, specs by their kind. */
class Inputs {
  readonly #nodes = new Map<number, readonly Node[]>();
  readonly #specs = new Map<string, readonly TaskSpec[]>();
  /** How many tasks fit into the time, by setting: found in the first round. */
  readonly #taskCounts = new Map<string, number>();

  nodes(count: number): readonly Node[] {
    const nodes = this.#nodes.get(count) ?? makeNodes(count);
    this.#nodes.set(count, nodes);
    return nodes;
  }

  specs(setting: Setting): readonly TaskSpec[] {
    const key = `${setting.tasks} ${setting.isConstrained}`;
    const specs = this.#specs.get(key) ?? makeSpecs(setting);
    this.#specs.set(key, specs);
    return specs;
  }

  /** Placements a second, over so many tasks. */
  async rateOf(setting: Setting, count: number): Promise<number> {
    const tookMs = await timePlacements({
      scheduler: createScheduler(setting.scheduler),
      nodes: this.nodes(setting.nodeCount),
      specs: this.specs(setting).slice(0, count),
    });
    return (count / tookMs) * 1000;
  }

  /** The same, over as many tasks as fit into the time. */
  async rate(setting: Setting, limitMs: number): Promise<number> {
    const key = nameOf(setting);
    for (let count = this.#taskCounts.get(key) ?? PROBE_TASKS; ; ) {
      const rate = await this.rateOf(setting, count);
      const fitting = Math.min(TASKS_MAX, Math.ceil((rate * limitMs) / 1000));
      if (this.#taskCounts.has(key) || fitting < 2 * count) {
        this.#taskCounts.set(key, count);
        return rate;
      }
      // Ten times at most, for the first placements are slower than those that follow.
      count = Math.min(fitting, 10 * count);
    }
  }
}

/**
 * The limit of anything that looks at every node: scores in one flat array, the lowest sought anew
 * for each task, and only the chosen one scored again.
 */
function scanRate(nodeCount: number): Readings {
  const scores = Float64Array.from({ length: nodeCount }, () => Math.random());
  const startedAt = performance.now();
  let count = 0;
  for (; performance.now() - startedAt < 200; count += 20) {
    for (let repeat = 0; repeat < 20; repeat += 1) {
      let best = 0;
      let lowest = Number.POSITIVE_INFINITY;
      for (let index = 0; index < nodeCount; index += 1) {
        const score = scores[index] ?? 0;
        if (score < lowest) {
          lowest = score;
          best = index;
        }
      }
      scores[best] = lowest + Math.random() / 10;
    }
  }
  return { [scanName(nodeCount)]: (count / (performance.now() - startedAt)) * 1000 };
}

const DURABLE_NODES = 1000;

/** 10,000 placements through the store of a manager, and the very same records loaded in bulk. */
async function durableRates(directory: string, inputs: Inputs): Promise<Readings> {
  const setting: Setting = {
    scheduler: 'epvm',
    nodeCount: DURABLE_NODES,
    tasks: 'different',
    isConstrained: false,
  };
  const folder = join(directory, randomUUID());
  await mkdir(folder);
  const open = (name: string) =>
    openSqliteStore({ path: join(folder, name), role: 'manager', collections: managerCollections });
  const store = await open('placed.db');
  const repository = new ManagerRepository(store);
  await repository.load();
  const none = { tasks: [], nodes: [], removedTaskIds: [] };
  await repository.beginReign({ cluster: randomUUID(), epoch: 1 }, { ...none, events: [] });
  const placed: ManagerChanges[] = [];
  const tookMs = await timePlacements({
    scheduler: createScheduler('epvm'),
    nodes: inputs.nodes(DURABLE_NODES),
    specs: inputs.specs(setting),
    save: async (changes) => {
      if (changes.events.some(({ type }) => type === 'task-scheduled')) placed.push(changes);
      await repository.save(changes);
    },
  });
  await store.close();
  const bulkMs = await timeBulkLoad(await open('loaded.db'), placed);
  await rm(folder, { recursive: true });
  return {
    'durable rate': (TASKS_MAX / tookMs) * 1000,
    'bulk rate': (TASKS_MAX / bulkMs) * 1000,
  };
}

async function timeBulkLoad(
  store: Awaited<ReturnType<typeof openSqliteStore>>,
  placed: readonly ManagerChanges[],
): Promise<number> {
  const repository = new ManagerRepository(store);
  await repository.load();
  const none = { tasks: [], nodes: [], removedTaskIds: [] };
  await repository.beginReign({ cluster: randomUUID(), epoch: 1 }, { ...none, events: [] });
  const events = placed.flatMap((changes) => changes.events);
  const tasks = placed.flatMap((changes) => changes.tasks);
  const groups = Array.from({ length: Math.ceil(tasks.length / 1000) }, (_, index) => ({
    ...none,
    events: events.slice(1000 * index, 1000 * index + 1000),
    tasks: tasks.slice(1000 * index, 1000 * index + 1000),
  }));
  const startedAt = performance.now();
  await Promise.all(groups.map((group) => repository.save(group)));
  const tookMs = performance.now() - startedAt;
  await store.close();
  return tookMs;
}

function scans(nodeCounts: Iterable<number>): readonly Contender[] {
  return [...new Set(nodeCounts)].map((nodeCount) => ({
    name: `scan of ${nodeCount}`,
    run: async () => scanRate(nodeCount),
  }));
}

async function open(directory: string): Promise<OpenPart> {
  const inputs = new Inputs();
  // The first few thousand placements are those of a cold machine.
  for (const scheduler of schedulerNames) {
    const setting = { scheduler, tasks: 'different', isConstrained: false } as const;
    await inputs.rateOf({ ...setting, nodeCount: 100 }, TASKS_MAX);
  }
  const aimTrials = aims.map(
    (aim): Trial => ({
      name: nameOf(aim),
      rounds: 3,
      contenders: [
        {
          name: 'Cube',
          run: async () => ({ [`aim ${nameOf(aim)}`]: await inputs.rateOf(aim, aim.taskCount) }),
        },
        ...scans([aim.nodeCount]),
      ],
    }),
  );
  const growth = schedulerNames.map(
    (scheduler): Contender => ({
      name: `growth of ${scheduler}`,
      run: async () => {
        const at = (nodeCount: number): Promise<number> =>
          inputs.rate({ scheduler, nodeCount, tasks: 'different', isConstrained: false }, CELL_MS);
        return { [`growth ${scheduler}`]: (await at(100)) / (await at(10_000)) };
      },
    }),
  );
  const cells = grid.map(
    (setting): Contender => ({
      name: nameOf(setting),
      run: async () => ({ [nameOf(setting)]: await inputs.rate(setting, CELL_MS) }),
    }),
  );
  return {
    trials: [
      ...aimTrials,
      {
        name: 'durable',
        rounds: 3,
        contenders: [
          { name: 'placed and bulk loaded', run: () => durableRates(directory, inputs) },
        ],
      },
      { name: 'growth', rounds: 3, contenders: growth },
      {
        name: 'grid',
        rounds: 2,
        contenders: [...cells, ...scans(grid.map(({ nodeCount }) => nodeCount))],
      },
    ],
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Placements by each policy, with their events, through the manager’s own schedule loop. */
export const schedulingPart: Part = {
  name: 'scheduling',
  figures,
  notes: [
    'scheduling: the manager’s schedule loop with its events; no disk but in "made durable". Where no number is said, tasks are as many as fit into the time, 10,000 at most.',
  ],
  open,
};
