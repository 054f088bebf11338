import { describe, expect, test } from 'vitest';
import { taskSpecSchema } from '../../../src/task/task-spec.ts';
import { type CliOptions, type CliResult, cli } from '../../support/cli.ts';
import { type ServedManager, serveManager } from '../../support/served-manager.ts';

const HOUR_MS = 3_600_000;

interface Pruning extends AsyncDisposable {
  prune(argv: readonly string[], options?: CliOptions): Promise<CliResult>;
  /** The names of the tasks that are left. */
  left(): Promise<readonly string[]>;
}

/** Two finished tasks, one of them an hour older, and one that waits. */
async function pruning(): Promise<Pruning> {
  const served: ServedManager = await serveManager();
  const { manager, clock, port } = served;
  const origin = { requestId: 'test' };
  const submit = async (name: string, labels: Record<string, string> = {}): Promise<string> => {
    const spec = taskSpecSchema.parse({ name, command: 'sleep', labels });
    return (await manager.submit({ spec }, origin)).task.id;
  };
  await manager.stopTask(await submit('old', { tier: 'batch' }), origin);
  await clock.advance(HOUR_MS);
  await manager.stopTask(await submit('new'), origin);
  await submit('waits');
  return {
    prune: (argv, options) =>
      cli(['prune', ...argv, '-m', `http://127.0.0.1:${port}`], { clock, ...options }),
    left: async () => {
      const { items } = await manager.listTasks({ limit: 100 });
      return items.map(({ task }) => task.spec.name);
    },
    [Symbol.asyncDispose]: () => served[Symbol.asyncDispose](),
  };
}

describe('cube prune', () => {
  test('removes what has ended, and never what may still run', async () => {
    await using one = await pruning();
    const { exitCode, stdout } = await one.prune(['--yes']);
    expect(stdout).toMatch(/^Removed 2 finished tasks, which took \S+ \w+ of the data file\.\n$/);
    expect(exitCode).toBe(0);
    expect(await one.left()).toEqual(['waits']);
    expect((await one.prune(['--yes'])).stdout).toBe('There is no such finished task.\n');
  });

  test.each([
    ['--older-than', '30m'],
    ['--label', 'tier=batch'],
    ['--name', 'old'],
  ])('removes only what %s %s says', async (flag, value) => {
    await using one = await pruning();
    await one.prune([flag, value, '--yes']);
    expect(await one.left()).toEqual(['new', 'waits']);
  });

  test('removes nothing that no filter lets through', async () => {
    await using one = await pruning();
    for (const filter of [
      ['--state', 'failed'],
      ['--node', 'elsewhere'],
    ]) {
      await one.prune([...filter, '--yes']);
    }
    expect(await one.left()).toEqual(['old', 'new', 'waits']);
  });

  test('refuses a state in which no task has ended', async () => {
    await using one = await pruning();
    const { exitCode, stderr } = await one.prune(['--state', 'pending', '--yes']);
    expect(stderr).toContain('--state "pending" is not a state of tasks that have ended.');
    expect(exitCode).toBe(2);
  });

  test('removes nothing without --yes where it cannot ask', async () => {
    await using one = await pruning();
    const { exitCode, stderr } = await one.prune([], { input: '' });
    expect(stderr).toContain('There is no terminal to ask at, so nothing was removed.');
    expect(exitCode).toBe(2);
    expect(await one.left()).toEqual(['old', 'new', 'waits']);
  });

  test('tells with --dry-run what it would remove', async () => {
    await using one = await pruning();
    const { stdout } = await one.prune(['--dry-run']);
    expect(stdout).toMatch(/ {2}old {2}completed 60m ago\n/);
    expect(stdout).toContain('2 finished tasks would be removed');
    expect(await one.left()).toEqual(['old', 'new', 'waits']);
    const json = JSON.parse((await one.prune(['--dry-run', '--json'])).stdout);
    expect(json).toMatchObject({ count: 2, items: [{ name: 'old' }, { name: 'new' }] });
  });

  test('asks on a terminal, and takes only a yes for one', async () => {
    await using one = await pruning();
    for (const answer of ['\n', 'no\n', 'yesterday\n']) {
      const { stderr, stdout } = await one.prune([], { answer });
      expect(stderr).toContain('Remove 2 finished tasks? [y/N] Nothing was removed.');
      expect(stdout).toBe('');
    }
    expect(await one.left()).toHaveLength(3);
    await one.prune([], { answer: 'y\n' });
    expect(await one.left()).toEqual(['waits']);
  });

  test('refuses a duration, a state or a label that is none', async () => {
    for (const argv of [
      ['--older-than', 'long'],
      ['--state', 'gone'],
      ['--label', 'x'],
    ]) {
      expect(await cli(['prune', ...argv, '--yes'])).toMatchObject({ exitCode: 2 });
    }
  });
});
