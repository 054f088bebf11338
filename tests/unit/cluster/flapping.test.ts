import { describe, expect, it } from 'vitest';
import type { CubeEvent } from '../../../src/event/event.ts';
import { SimulatedCluster } from '../../../src/simulation/cluster/simulated-cluster.ts';

const CYCLE_COUNT = 20;
const TASK_COUNT = 5;

async function start(nodeTimeoutMs: number): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster({ manager: { nodeTimeoutMs } });
  await cluster.startManager();
  for (const name of ['n1', 'n2']) {
    cluster.addMachine(name);
    await cluster.startWorker(name);
  }
  await cluster.clock.advance(1000);
  for (let count = 0; count < TASK_COUNT; count += 1) {
    await cluster.submit({ name: 'server', command: 'serve' });
  }
  await cluster.clock.advance(1000);
  return cluster;
}

async function flap(
  cluster: SimulatedCluster,
  names: readonly string[],
  { cutMs, upMs }: { readonly cutMs: number; readonly upMs: number },
): Promise<void> {
  for (let cycle = 0; cycle < CYCLE_COUNT; cycle += 1) {
    for (const name of names) cluster.cutOff(name);
    await cluster.clock.advance(cutMs);
    for (const name of names) cluster.reconnect(name);
    await cluster.clock.advance(upMs);
  }
}

function flappingOf(cluster: SimulatedCluster): readonly (string | undefined)[] {
  const views = cluster.manager.listNodes();
  return views.filter(({ flapping }) => flapping === true).map(({ node }) => node.name);
}

/** The times of a task's placements, in milliseconds. */
function placements(events: readonly CubeEvent[], taskId: string): readonly number[] {
  const own = events.filter((one) => one.taskId === taskId && one.type === 'task-scheduled');
  return own.map(({ time }) => Date.parse(time));
}

describe('a node that comes and goes', () => {
  it.each([
    ['one', ['n1']],
    ['all', ['n1', 'n2']],
  ])(
    'for longer than its time-out has its tasks replaced at most once for each: %s',
    async (_, names) => {
      const nodeTimeoutMs = 1000;
      await using cluster = await start(nodeTimeoutMs);
      await flap(cluster, names, { cutMs: 2000, upMs: 1000 });
      expect(flappingOf(cluster)).toEqual(names);
      const events = await cluster.events();
      const ids = new Set(events.flatMap(({ taskId }) => taskId ?? []));
      expect(ids.size).toBe(TASK_COUNT);
      for (const id of ids) {
        const times = placements(events, id);
        const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
        expect(Math.min(...gaps, Number.POSITIVE_INFINITY)).toBeGreaterThanOrEqual(nodeTimeoutMs);
      }
      expect(events.some(({ type }) => type === 'node-went-down')).toBe(true);
      await cluster.clock.advance(15_000);
      expect(cluster.running()).toHaveLength(TASK_COUNT);
    },
  );

  it('within its time-out moves nothing, and is marked as flapping until it has been well for a while', async () => {
    await using cluster = await start(15_000);
    expect(flappingOf(cluster)).toEqual([]);
    await flap(cluster, ['n1'], { cutMs: 10_000, upMs: 5000 });
    expect(flappingOf(cluster)).toEqual(['n1']);
    const events = await cluster.events();
    // It falls silent and is heard again once a cycle, and nothing more is written of it.
    const ofNode = events.filter(({ node, taskId }) => node === 'n1' && taskId === undefined);
    expect(ofNode.length).toBeLessThanOrEqual(2 * CYCLE_COUNT + 5);
    const placed = events.filter(({ type }) => type === 'task-scheduled');
    expect(placed).toHaveLength(TASK_COUNT);
    await cluster.clock.advance(600_000);
    expect(flappingOf(cluster)).toEqual([]);
  });

  it('in the very rhythm of its heartbeat is reached all the same, whenever that began', async () => {
    for (let phaseMs = 0; phaseMs < 3000; phaseMs += 500) {
      await using cluster = await start(15_000);
      await cluster.clock.advance(phaseMs);
      await flap(cluster, ['n1'], { cutMs: 2000, upMs: 1000 });
      const types = (await cluster.events()).map(({ type }) => type);
      expect(types, `after ${phaseMs} ms`).not.toContain('node-went-down');
    }
  });
});
