import Docker from 'dockerode';
import { expect, test } from 'vitest';
import { startCubeUp } from '../support/cube-up.ts';
import { ensureTestImage, TEST_IMAGE } from '../support/docker-image.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { CUBE_COMMAND, TerminalProgram } from '../support/terminal-program.ts';

test('cube exec -it is a shell in a container, with its terminal and its exit code', async () => {
  await ensureTestImage();
  await using directory = await temporaryDirectory();
  await using up = await startCubeUp(directory.path);
  const { task } = await up.client.submit({
    name: 'box',
    image: TEST_IMAGE,
    pull: 'never',
    command: 'sleep',
    args: ['600'],
    env: { GREETING: 'hello' },
    stopTimeout: '0s',
  });
  await up.untilState(task.id, 'running');
  using program = new TerminalProgram([...CUBE_COMMAND, 'exec', '-it', 'box', 'sh'], {
    CUBE_MANAGER_PORT: String(up.port),
  });
  await program.until(/[#$] /);
  // Some engines tell the size only once the command runs.
  program.type(
    'until stty size | grep -q 80; do sleep 0.05; done; stty size; echo "$GREETING" "$TERM"\r',
  );
  await program.until(/24 80\r+\nhello xterm\r+\n/);
  // A key is a signal only once the command runs, not while the shell still reads the line.
  program.type('echo runs "now"; sleep 600\r');
  await program.until(/runs now\r+\n/);
  program.type('\u0003');
  program.type('echo still "here"\r');
  await program.until(/still here\r+\n/);
  const { items } = await up.client.usage();
  expect(items).toMatchObject([{ taskId: task.id, attempt: 1, memory: expect.any(Number) }]);
  program.type('exit 9\r');
  expect(await program.ended()).toBe(9);
  // What is pruned leaves no container behind.
  await up.client.stop(task.id);
  await up.untilState(task.id, 'completed');
  expect((await up.client.prune({})).count).toBe(1);
  const docker = new Docker();
  await eventually('its container is gone', async () => {
    const filters = { label: [`cube.task=${task.id}`] };
    return (await docker.listContainers({ all: true, filters })).length === 0;
  });
});
