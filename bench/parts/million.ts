import { setTimeout as pause } from 'node:timers/promises';
import type { MillionReply, MillionRequest } from '../processes/million-manager.ts';
import type { Figure, OpenPart, Part, Readings } from '../suite/part.ts';
import { valueAtMost } from '../suite/target.ts';
import { peakMb, residentMb, startCubeDaemon } from '../support/cube-daemon.ts';
import { LineChild } from '../support/line-child.ts';

const MILLION = 1_000_000;
const WORKERS = 5000;

/** Fewer tasks for a trial run: CUBE_BENCH_TASKS=20000. The targets shrink in proportion. */
const tasks = Number(process.env['CUBE_BENCH_TASKS'] ?? MILLION);
if (!Number.isInteger(tasks) || tasks < 1) throw new Error('CUBE_BENCH_TASKS is a whole number.');
const share = tasks / MILLION;

/** Long enough for what is held beyond a start, in megabytes. */
const HEAP_FLAG = '--max-old-space-size=16384';

const count = tasks === MILLION ? 'a million tasks' : `${tasks.toLocaleString('en-US')} tasks`;

const figures: readonly Figure[] = [
  { name: '5,000 workers: all joined and up', unit: 's', ours: 'joined' },
  { name: `${count}: all accepted`, unit: 's', ours: 'accepted' },
  {
    name: `${count}: all running`,
    unit: 's',
    ours: 'running',
    reference: { name: 'Nomad C1M, as published', of: () => 300 * share },
    target: valueAtMost(300 * share),
  },
  {
    name: `${count}: brought to run`,
    unit: '/s',
    ours: 'rate',
    reference: { name: 'Nomad C2M, as published', of: () => 1500 },
  },
  { name: `${count}: time on a core`, unit: 's', ours: 'cpu' },
  { name: `${count}: memory, most`, unit: 'MB', ours: 'peak' },
  { name: `${count}: file`, unit: 'MB', ours: 'file' },
  {
    name: `${count}: restart until it serves`,
    unit: 's',
    ours: 'restart',
    target: valueAtMost(Math.max(1, 30 * share)),
  },
  { name: `${count}: memory after the restart`, unit: 'MB', ours: 'restarted resident' },
];

async function run(directory: string): Promise<Readings> {
  const request: MillionRequest = { directory, tasks, workers: WORKERS };
  const ran = await runAll(request);
  await using manager = await startCubeDaemon('manager', directory, [], {
    NODE_OPTIONS: HEAP_FLAG,
  });
  await pause(3000);
  return {
    ...ran,
    restart: manager.readyMs / 1000,
    'restarted resident': residentMb(manager.process.pid),
  };
}

async function runAll(request: MillionRequest): Promise<Readings> {
  // Killed at the end: what is then started finds what was on the disk.
  await using child = LineChild.ofNode('processes/million-manager.ts', [HEAP_FLAG]);
  const reply = await child.ask<MillionReply>(request);
  return {
    joined: reply.joinedS,
    accepted: reply.acceptedS,
    running: reply.runningS,
    rate: tasks / reply.runningS,
    cpu: reply.cpuS,
    peak: peakMb(child.pid),
    file: reply.storeMb,
  };
}

async function open(directory: string): Promise<OpenPart> {
  return {
    trials: [{ name: count, rounds: 1, contenders: [{ name: 'Cube', run: () => run(directory) }] }],
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** As many tasks as Nomad’s C1M, on as many machines. */
export const millionPart: Part = {
  name: 'million',
  figures,
  notes: [
    'million: real are the manager, its scheduler (epvm), its durable store with a flush for each group, and the restart as `cube manager`. Simulated are the 5,000 workers: they live in the process of the manager, speak its protocol without a network, and say of each task at once that it runs. Tasks are handed in within the process, 2,000 at a time.',
    'million: Nomad’s figures are published ones, of real containers and 5 large servers; here they only say what is thought of as fast.',
  ],
  open,
};
