import { expect, test } from 'vitest';
import { parseLabelChanges } from '../../src/cli/node-steering.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { cli } from '../support/cli.ts';
import { startCliDaemon } from '../support/cli-daemon.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const clock = systemClock;
/** Where no Docker Engine answers, so that these tests need none. */
const environment = { DOCKER_HOST: 'unix:///nonexistent/docker.sock' };

/** Two workers with real processes, and commands typed against them. */
async function openCluster(directory: string) {
  const ports = ['--port', '0', '--worker-port', '0', '--workers', '2', '--stop-tasks'];
  const daemon = await startCliDaemon(['up', '--data-dir', directory, ...ports], {
    clock,
    environment,
  });
  const type = (...argv: string[]) => {
    // What follows "--" is the task's.
    const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
    return cli(argv.toSpliced(end, 0, '--manager', daemon.url), { clock });
  };
  await eventually('both nodes are up', async () => {
    const { stdout } = await type('node', '--json');
    const nodes: readonly { readonly liveness: string }[] = JSON.parse(stdout);
    return nodes.length === 2 && nodes.every(({ liveness }) => liveness === 'up');
  });
  return {
    type,
    /** A process that ends as soon as it is asked to. */
    run: (name: string) =>
      type(
        ...['run', '--name', name, '--cpu', '0.1'],
        ...['--', 'sh', '-c', 'trap "exit 0" TERM; sleep 600 & wait'],
      ),
    read: async (...argv: string[]) => JSON.parse((await type(...argv, '--json')).stdout),
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  };
}

test('tasks are restarted, moved off a node, and seen as they were before', async () => {
  await using directory = await temporaryDirectory();
  await using cluster = await openCluster(directory.path);
  for (const name of ['one', 'two', 'three']) {
    expect((await cluster.run(name)).exitCode).toBe(0);
  }
  const before = await cluster.read('status', 'one');

  const planned = await cluster.type('plan', '--name', 'four', '--cpu', '0.1', '--', 'true');
  expect(planned.stdout).toMatch(/^four would run on worker-\d\.\nThe scheduler epvm chose/);
  const waiting = await cluster.type('plan', '--memory', '100TiB', '--', 'true');
  expect(waiting.stdout).toMatch(/^true would wait\.\n(.*\n)+To do: /);

  const restarted = await cluster.type('restart', 'one');
  expect(restarted.stdout).toMatch(/^one is running on worker-\d\./);
  const after = await cluster.read('status', 'one');
  expect(after.status).toMatchObject({ attempt: 2, restartCount: 1 });
  expect(after.status.runtimeId).not.toBe(before.status.runtimeId);

  const from = after.status.node;
  const drained = await cluster.type('node', 'drain', from, '--timeout', '60s');
  expect(drained.stdout).toBe(`${from} is empty.\n`);
  const moved = await cluster.read('status');
  const nodes = moved.map(({ status }: { status: { node: string } }) => status.node);
  expect(new Set(nodes).size).toBe(1);
  expect(nodes).not.toContain(from);
  expect((await cluster.type('node')).stdout).toContain('draining');
  expect((await cluster.type('node', 'resume', from)).stdout).toBe(`${from} takes tasks again.\n`);

  const labelled = await cluster.type('node', 'label', from, 'disk=ssd', 'old-');
  expect(labelled.stdout).toBe(`${from} has labels disk=ssd.\n`);

  // The log tells how it was before all that, and what is different now.
  const revision = String(before.revision);
  const past = await cluster.read('status', 'one', '--at', revision);
  expect(past).toEqual(before);
  const { stdout } = await cluster.type('diff', revision);
  expect(stdout).toMatch(/^~ task one \w+ {2}.*attempt 1 -> \d.*restarts none -> \d/m);
  expect(stdout).toMatch(new RegExp(`^~ node ${from} {2}labels none -> disk=ssd`, 'm'));
  const events = await cluster.type('events', '--since', '10 minutes ago');
  expect(events.stdout).toContain('task-displaced');
});

test('a drain tells which task cannot leave and why, and then what is true', async () => {
  await using directory = await temporaryDirectory();
  await using cluster = await openCluster(directory.path);
  const pinned = ['--constraint', 'node.name == worker-1', '--', 'sleep', '600'];
  expect((await cluster.type('run', '--name', 'bound', ...pinned)).exitCode).toBe(0);
  const { id } = await cluster.read('status', 'bound');
  const stuck = await cluster.type('node', 'drain', 'worker-1', '--timeout', '1s', '--json');
  expect(stuck.exitCode).toBe(124);
  const drained = { name: 'worker-1', draining: true };
  expect(JSON.parse(stuck.stdout)).toMatchObject({ ...drained, taskCount: 1 });
  const why =
    'cannot leave: the only other node, worker-2, cannot take it: ' +
    'needs node.name == worker-1, but the node has node.name == worker-2';
  const task = `bound (${id.slice(0, 8)}) ${why}`;
  // On a machine that is too slow to tell it while the time lasts, it is told at the end alone.
  expect(stuck.stderr.replace(`worker-1  1 left; ${task}\n`, '')).toBe(
    `cube: 1 task is still on worker-1; it stays drained:\n  ${task}.\n` +
      'Next: cube status --node worker-1   cube node resume worker-1\n',
  );
  await cluster.type('node', 'resume', 'worker-1');
  const resumed = cluster.type('node', 'drain', 'worker-1', '--timeout', '60s');
  await eventually('it waits', async () => (await cluster.read('node', 'worker-1')).draining);
  await cluster.type('node', 'resume', 'worker-1');
  expect(await resumed).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining(
      'cube: worker-1 was resumed meanwhile, and takes tasks again; 1 task is still there.\n',
    ),
  });
  await cluster.type('node', 'drain', 'worker-1', '--detach');
  const restart = await cluster.type('restart', 'bound');
  expect(restart).toMatchObject({
    exitCode: 4,
    stderr: expect.stringContaining('a restart would end it, and not start it'),
  });
  expect((await cluster.read('status', 'bound')).status).toMatchObject({ attempt: 1 });
  const { stdout } = await cluster.type('explain', 'bound');
  expect(stdout).toContain(`worker-1 is drained; the task ${why}.`);
  const [emptied] = await Promise.all([
    cluster.type('node', 'drain', 'worker-1', '--timeout', '60s', '--json'),
    cluster.type('stop', 'bound'),
  ]);
  expect(emptied.exitCode).toBe(0);
  expect(JSON.parse(emptied.stdout)).toMatchObject({ ...drained, taskCount: 0 });
  const again = await cluster.type('node', 'drain', 'worker-1', '--detach');
  expect(again.stdout).toBe(
    'worker-1 is drained: its tasks leave one by one, and it takes no others.\n',
  );
});

test('what is not there is said by its name, and nothing is changed', async () => {
  await using directory = await temporaryDirectory();
  const ports = ['--port', '0', '--worker-port', '0'];
  await using daemon = await startCliDaemon(['up', '--data-dir', directory.path, ...ports], {
    clock,
    environment,
  });
  for (const argv of [
    ['restart', 'nobody'],
    ['node', 'drain', 'nobody'],
    ['node', 'resume', 'nobody'],
    ['node', 'label', 'nobody', 'a=b'],
  ]) {
    const { exitCode, stderr } = await cli([...argv, '--manager', daemon.url], { clock });
    expect(exitCode, argv.join(' ')).toBe(3);
    expect(stderr).toMatch(/^cube: There is no (task|node).*"nobody"/);
  }
});

test.each(['=x', 'plain', '', '-'])('%j is no label to set or take away', (text) => {
  expect(() => parseLabelChanges([text])).toThrowError(
    expect.objectContaining({ code: 'configuration' }),
  );
});

test('a label that is named twice is refused, since one of the two is not meant', () => {
  expect(() => parseLabelChanges(['disk=ssd', 'disk-'])).toThrowError(
    expect.objectContaining({ message: 'The label "disk" is given twice.' }),
  );
});
