import { expect, test } from 'vitest';
import { isCubeError } from '../../../src/errors/cube-error.ts';
import type { AttemptUsage } from '../../../src/link/protocol.ts';
import { RunningAttempts } from '../../../src/manager/running-attempts.ts';
import type { WorkerLink } from '../../../src/manager/worker-link.ts';
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts';
import type { Task } from '../../../src/task/task.ts';
import { taskSpecSchema } from '../../../src/task/task-spec.ts';
import { makeNode } from '../../support/cluster.ts';

const ID = '00000000-0000-4000-8000-000000000001';
const usage: AttemptUsage = { taskId: ID, attempt: 2, cpu: 1, memory: 5 };

function makeTask(status: Partial<Task['status']>): Task {
  return {
    id: ID,
    spec: taskSpecSchema.parse({ name: 'job', image: 'nginx' }),
    status: { state: 'pending', desired: 'running', attempt: 0, restartCount: 0, ...status },
    createdAt: '2030-01-01T00:00:00.000Z',
    createdRevision: 1,
    revision: 1,
  };
}

/** Three nodes: one that tells, one that never does, and one that is down. */
function open(task: Task) {
  const clock = new VirtualClock();
  const asked: string[] = [];
  const nodes = [
    makeNode('quick', { address: 'http://quick:1' }),
    makeNode('slow', { address: 'http://slow:1' }),
    makeNode('gone', { address: 'http://gone:1', liveness: 'down' }),
  ];
  const link: Pick<WorkerLink, 'logs' | 'openSession' | 'usage'> = {
    // biome-ignore lint/correctness/useYield: nobody asks for output here.
    logs: async function* () {
      return;
    },
    openSession: async function* (address, { taskId, attempt }) {
      asked.push(`${address} ${taskId} ${attempt}`);
      yield { type: 'exit', code: 0 };
    },
    usage: (address, signal) => {
      asked.push(address);
      if (address === 'http://quick:1') return Promise.resolve([usage]);
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    },
  };
  const attempts = new RunningAttempts({
    state: { nodes: () => nodes, findNode: (name) => nodes.find((node) => node.name === name) },
    link,
    clock,
    getTask: async () => ({ task }),
  });
  return { attempts, clock, asked };
}

const session = {
  request: { command: ['true'] },
  input: (async function* (): AsyncGenerator<never> {})(),
  signal: new AbortController().signal,
};

test('use is told by the nodes that answer in time; the others are named', async () => {
  const { attempts, clock, asked } = open(makeTask({}));
  const answer = attempts.usage();
  await clock.advance(3000);
  expect(await answer).toEqual({ items: [{ ...usage, node: 'quick' }], silent: ['gone', 'slow'] });
  expect(asked).toEqual(['http://quick:1', 'http://slow:1']);
});

test('a command goes to the node of the current attempt', async () => {
  const { attempts, asked } = open(makeTask({ state: 'running', attempt: 2, node: 'quick' }));
  expect(await Array.fromAsync(attempts.openSession(ID, session))).toEqual([
    { type: 'exit', code: 0 },
  ]);
  expect(asked).toEqual([`http://quick:1 ${ID} 2`]);
});

test.each([
  ['waits', {}],
  ['is about to start', { state: 'scheduled', attempt: 1, node: 'quick' }],
  ['has ended', { state: 'failed', attempt: 1, node: 'quick' }],
] as const)('in a task that %s no command is run', async (_, status) => {
  const { attempts, asked } = open(makeTask(status));
  const error = await Array.fromAsync(attempts.openSession(ID, session)).catch((thrown) => thrown);
  expect(isCubeError(error, 'conflict'), String(error)).toBe(true);
  expect(asked).toEqual([]);
});
