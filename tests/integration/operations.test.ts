import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { cli } from '../support/cli.ts';
import { startCliDaemon } from '../support/cli-daemon.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const page = await readFile(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');

/** Command lines of Cube in the blocks of the page that are marked so, as their words. */
function commandsIn(mark: string): readonly (readonly string[])[] {
  const blocks = [...page.matchAll(new RegExp(`^\`\`\`${mark}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))];
  return blocks
    .flatMap(([, text = '']) => text.split('\n'))
    .flatMap((line) => {
      const [, command] =
        /(?:^|-u cube )cube (.*)$/.exec(line.replace(/^docker exec cube /, '')) ?? [];
      const words = [...(command ?? '').matchAll(/"([^"]*)"|(\S+)/g)];
      return command === undefined ? [] : [words.map(([, quoted, plain = '']) => quoted ?? plain)];
    });
}

test('every command that the operator can type as it stands does what it should', async () => {
  await using directory = await temporaryDirectory();
  const ports = ['--port', '0', '--worker-port', '0'];
  const environment = { DOCKER_HOST: 'unix:///nonexistent/docker.sock' };
  await using cube = await startCliDaemon(
    ['up', '--data-dir', join(directory.path, 'data'), ...ports],
    {
      clock: systemClock,
      environment,
    },
  );
  const { hostname, port } = new URL(cube.url);
  const commands = commandsIn('sh');
  expect(commands.length).toBeGreaterThan(4);
  for (const words of commands) {
    const argv = words.map((word) =>
      word.endsWith('.backup') ? join(directory.path, word) : word,
    );
    const { exitCode, stderr } = await cli(argv, {
      clock: systemClock,
      environment: {
        ...environment,
        HOME: directory.path,
        CUBE_MANAGER_HOST: hostname,
        CUBE_MANAGER_PORT: port,
      },
    });
    // What the doctor finds is the machine's, such as an engine that is not there.
    const wanted = words[0] === 'doctor' ? [0, 1] : [0];
    expect(wanted, `cube ${words.join(' ')}: ${stderr}`).toContain(exitCode);
  }
});

test('every other command there is one that Cube has, with flags that it has', async () => {
  const commands = commandsIn('text');
  expect(commands.length).toBeGreaterThan(4);
  for (const words of commands) {
    const end = words.findIndex((word) => !/^[a-z]+$/.test(word));
    const name = words.slice(0, end === -1 ? words.length : end);
    const { exitCode, stdout } = await cli([...name, '--help']);
    expect(exitCode, words.join(' ')).toBe(0);
    for (const flag of words.filter((word) => word.startsWith('--'))) {
      expect(stdout, words.join(' ')).toContain(flag);
    }
  }
});
