import { expect, test } from 'vitest';
import { optionValues } from '../../../src/cli/option-values.ts';
import { taskSpecSchema } from '../../../src/task/task-spec.ts';
import { cli } from '../../support/cli.ts';
import { startManager } from '../../support/http-doors.ts';

/** The words that are offered. */
async function offered(words: readonly string[], environment: Record<string, string> = {}) {
  const { exitCode, stdout, stderr } = await cli(['__complete', '--', ...words], { environment });
  expect([exitCode, stderr]).toEqual([0, '']);
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t')[0]);
}

test.each([
  [['expl'], ['explain']],
  [['status', '--sta'], ['--state']],
  [['status', '--state', 'f'], ['failed']],
  [['top', '--sort', 'm'], ['memory']],
  [['node', 'dr'], ['drain']],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [
    ['run', '--restart', ''],
    ['never', 'on-failure', 'always'],
  ],
  [['up', '--scheduler', 'g'], ['greedy']],
  [['run', '--file', 'x'], [':files']],
  [['exec', 'web', ''], [':files']],
  [['nonsense', ''], []],
  [['simulate', 'x'], []],
])('after "cube %j" come %j', async (words, candidates) => {
  expect(await offered(words)).toEqual(candidates);
});

test.each([
  ['--runtime', 'runtime'],
  ['--pull', 'pull'],
  ['--restart', 'restart'],
  ['--on-node-lost', 'onNodeLost'],
] as const)('each value that is offered for %s is one that a task may have', (flag, field) => {
  for (const value of optionValues[flag] ?? []) {
    const spec = {
      name: 'web',
      ...(value === 'process' ? { command: 'sleep' } : { image: 'nginx' }),
    };
    expect(() => taskSpecSchema.parse({ ...spec, [field]: value })).not.toThrow();
  }
});

test('a command that is only for shells is told to nobody', async () => {
  expect((await cli(['--help'])).stdout).not.toContain('__complete');
  expect(await offered(['_'])).toEqual([]);
});

test('names of tasks come from the manager that the flags name', async () => {
  await using manager = await startManager();
  for (const name of ['web', 'worker']) {
    const spec = taskSpecSchema.parse({ name, image: 'nginx' });
    await manager.service.submit({ spec }, { requestId: 'test' });
  }
  expect(await offered(['logs', '--manager', manager.url, 'w'])).toEqual(['web', 'worker']);
  expect(await offered(['stop', '-m', manager.url, 'web', 'wo'])).toEqual(['worker']);
});

test('where no manager answers, nothing is offered and nothing is said', async () => {
  expect(await offered(['logs', ''], { CUBE_MANAGER_PORT: '9' })).toEqual([]);
});
