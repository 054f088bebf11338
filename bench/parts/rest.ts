import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Contender, Figure, OpenPart, Part, Readings } from '../suite/part.ts';
import { extraAtMost, timesAtMost, valueAtMost } from '../suite/target.ts';
import { cpuSeconds, residentMb, startCubeDaemon } from '../support/cube-daemon.ts';
import { makeManagerData, makeWorkerData } from '../support/finished-tasks.ts';
import { NODE } from '../support/line-child.ts';

const COUNTS = [0, 1000, 100_000] as const;
const BIN = join(import.meta.dirname, '..', '..', 'bin', 'cube.js');

/** Time until a started process has come to rest, and for which its use of a core is measured. */
const SETTLE_MS = 3000;
const IDLE_MS = 3000;

type Role = 'manager' | 'worker';

const bare = { name: 'bare Node', of: 'bare resident' };
const nothing = { name: 'node -e 0', of: 'node start' };

const extras: Readonly<Record<Role, number>> = { manager: 60, worker: 40 };

const figures: readonly Figure[] = [
  ...(['manager', 'worker'] as const).flatMap((role) =>
    COUNTS.flatMap((count): readonly Figure[] => {
      const words = `idle ${role}, ${count.toLocaleString('en-US')} finished tasks`;
      return [
        {
          name: `${words}: memory`,
          unit: 'MB',
          ours: `${role} ${count} resident`,
          reference: bare,
          ...(count === 0 ? { target: extraAtMost(extras[role]) } : {}),
        },
        { name: `${words}: of one core`, unit: '%', ours: `${role} ${count} cpu` },
      ];
    }),
  ),
  { name: 'cube --help', unit: 'ms', ours: 'help', reference: nothing },
  {
    name: 'cube status',
    unit: 'ms',
    ours: 'status',
    reference: nothing,
    target: timesAtMost(3),
  },
  { name: 'cube up, until it serves', unit: 'ms', ours: 'up', reference: nothing },
  {
    name: 'cube manager, until it serves',
    unit: 'ms',
    ours: 'manager 0 ready',
    reference: nothing,
  },
  {
    name: 'restart with 100,000 tasks, until it serves',
    unit: 'ms',
    ours: `manager ${COUNTS[2]} ready`,
    target: valueAtMost(1000),
  },
];

/** Starts the process on its own copy of the data, lets it come to rest, and looks at it. */
async function idle(role: Role, count: number, data: string): Promise<Readings> {
  const folder = `${data}-${randomUUID()}`;
  await cp(data, folder, { recursive: true });
  await using daemon = await startCubeDaemon(role, folder);
  const { pid } = daemon.process;
  await pause(SETTLE_MS);
  const before = cpuSeconds(pid);
  await pause(IDLE_MS);
  return {
    [`${role} ${count} ready`]: daemon.readyMs,
    [`${role} ${count} resident`]: residentMb(pid),
    [`${role} ${count} cpu`]: (100 * (cpuSeconds(pid) - before)) / (IDLE_MS / 1000),
  };
}

async function bareNode(): Promise<Readings> {
  const child = spawn(NODE, ['-e', 'setInterval(() => undefined, 1e6)'], { stdio: 'ignore' });
  const { pid } = child;
  if (pid === undefined) throw new Error('Node could not be started.');
  await pause(1000);
  const resident = residentMb(pid);
  child.kill('SIGKILL');
  return { 'bare resident': resident };
}

/** From the start of a command to its end, in milliseconds. */
async function timeOf(args: readonly string[]): Promise<number> {
  const startedAt = performance.now();
  const child = spawn(NODE, [...args], { stdio: 'ignore' });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${String(code)}.`);
  return performance.now() - startedAt;
}

async function dataOf(directory: string, role: Role, count: number): Promise<string> {
  const folder = join(directory, `${role}-${count}`);
  await mkdir(folder, { mode: 0o700 });
  if (count > 0) await (role === 'manager' ? makeManagerData : makeWorkerData)(folder, count);
  return folder;
}

async function startUp(directory: string): Promise<Readings> {
  const folder = join(directory, randomUUID());
  await mkdir(folder, { mode: 0o700 });
  await using up = await startCubeDaemon('up', folder);
  return { up: up.readyMs };
}

async function open(directory: string): Promise<OpenPart> {
  await using parts = new AsyncDisposableStack();
  const idles: Contender[] = [];
  for (const role of ['manager', 'worker'] as const) {
    for (const count of COUNTS) {
      const data = await dataOf(directory, role, count);
      idles.push({ name: `${role} with ${count}`, run: () => idle(role, count, data) });
    }
  }
  const folder = join(directory, 'asked');
  await mkdir(folder, { mode: 0o700 });
  const asked = parts.use(await startCubeDaemon('up', folder));
  const address = ['--manager', `http://127.0.0.1:${asked.port}`];
  const kept = parts.move();
  return {
    trials: [
      {
        name: 'start',
        rounds: 9,
        contenders: [
          { name: 'node -e 0', run: async () => ({ 'node start': await timeOf(['-e', '0']) }) },
          { name: 'cube --help', run: async () => ({ help: await timeOf([BIN, '--help']) }) },
          {
            name: 'cube status',
            run: async () => ({ status: await timeOf([BIN, 'status', ...address]) }),
          },
          { name: 'cube up', run: () => startUp(directory) },
        ],
      },
      { name: 'idle', rounds: 2, contenders: [{ name: 'bare Node', run: bareNode }, ...idles] },
    ],
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** What Cube takes while nothing happens, and how long it takes to begin. */
export const restPart: Part = {
  name: 'rest',
  figures,
  notes: [
    'rest: a manager keeps 10,000 finished tasks; of 100,000 it prunes the others at its start, which is in the figures of memory and use of a core.',
  ],
  open,
};
