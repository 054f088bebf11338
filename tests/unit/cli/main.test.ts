import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../../src/lib/clock.ts';
import { cli } from '../../support/cli.ts';
import { startHttpStub } from '../../support/http-stub.ts';

/** Shortens the pauses between tries, and leaves time-outs as they are. */
const impatientClock: Clock = {
  ...systemClock,
  setTimer: (delayMs, callback) => systemClock.setTimer(delayMs < 5000 ? 1 : delayMs, callback),
};

describe('the command line', () => {
  test('tells what there is, with examples and exit codes', async () => {
    const { exitCode, stdout, stderr } = await cli(['--help']);
    expect(exitCode).toBe(0);
    expect(stderr).toBe('');
    for (const word of ['run', 'status', 'explain', 'Examples:', 'Exit codes:']) {
      expect(stdout).toContain(word);
    }
  });

  test.each(['run', 'stop', 'status', 'node', 'inspect', 'logs', 'events', 'explain'])(
    'has help with examples for %s',
    async (name) => {
      const { exitCode, stdout } = await cli([name, '--help']);
      expect(exitCode).toBe(0);
      expect(stdout).toContain(`Usage: cube ${name}`);
      expect(stdout).toMatch(/Examples:\n {2}(cube|echo)/);
      expect((await cli(['help', name])).stdout).toBe(stdout);
    },
  );

  test.each([
    [['statsu'], /^cube: unknown command 'statsu' \(Did you mean status\?\)/],
    [['status', '--jsno'], /^cube: unknown option '--jsno' \(Did you mean --json\?\)/],
    [['run', '--name'], /^cube: option '--name <name>' argument missing\./],
    [['run', '--name', 'a', '--name', 'b'], /It is given twice\./],
    [['stop'], /^cube: missing required argument 'task'\./],
    [['status', 'a', 'b'], /^cube: too many arguments for 'status'/],
    [['logs', '--tail', '-1', 'web'], /^cube: --tail is "-1"; want a whole number from 0 to/],
    [['logs', '--tail', '1e9', 'web'], /^cube: --tail is "1e9"/],
    [['events', '--after', 'x'], /^cube: --after is "x"; want a revision\./],
    [['status', '--manager', 'ftp://x'], /^cube: --manager is "ftp:\/\/x"; want an address/],
    [['status', '--state', 'runing'], /Did you mean running\?/],
    [['run', '--timeout', '5', '--', 'true'], /^cube: --timeout is "5"; want a duration/],
  ])('refuses %j in one sentence, with exit code 2', async (argv, message) => {
    const { exitCode, stdout, stderr } = await cli(argv);
    expect(stderr).toMatch(message);
    expect(stdout).toBe('');
    expect(exitCode).toBe(2);
  });

  test('prints its help as an error when no command is given', async () => {
    const { exitCode, stdout, stderr } = await cli([]);
    expect(exitCode).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('Usage: cube');
  });

  test('tells its version', async () => {
    const { exitCode, stdout } = await cli(['--version']);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(exitCode).toBe(0);
  });

  test('warns of a variable that was probably meant to be one of ours', async () => {
    const environment = { CUBE_MANAGER_PROT: '1', CUBE_TOKEN: 'x'.repeat(16) };
    const { stderr } = await cli(['--version'], { environment });
    expect(stderr).toBe(
      "cube: The variable CUBE_MANAGER_PROT is not one of Cube's and changes nothing; did you mean CUBE_MANAGER_PORT?\n",
    );
  });

  test.each([
    [{ CUBE_MANAGER_PORT: 'abc' }, 'cube: CUBE_MANAGER_PORT is "abc"; want a port from 1 to 65535'],
    [{ CUBE_MANAGER_PORT: '70000' }, 'cube: CUBE_MANAGER_PORT is "70000"; want a port'],
    [{ CUBE_MANAGER_HOST: 'a b' }, 'cube: CUBE_MANAGER_HOST is "a b"; want a host name'],
    [{ CUBE_TOKEN: 'short' }, 'cube: The token from CUBE_TOKEN is not one: want 16 to 1,024'],
  ])('names the variable that is wrong: %j', async (environment, message) => {
    const { exitCode, stderr } = await cli(['status'], { environment });
    expect(stderr).toContain(message);
    expect(exitCode).toBe(2);
  });

  test('says where no manager answers, and what to do, with exit code 69', async () => {
    const stub = await startHttpStub(() => undefined);
    await stub[Symbol.asyncDispose]();
    const { exitCode, stdout, stderr } = await cli(['status', '-m', `127.0.0.1:${stub.port}`]);
    expect(stderr).toBe(
      `cube: The manager at ${stub.url} cannot be reached: nothing listens there. Start one with "cube up", or check the address.\n`,
    );
    expect(stdout).toBe('');
    expect(exitCode).toBe(69);
  });

  test.each([
    ['run', '--', 'true'],
    ['stop', 'web'],
    ['status'],
    ['status', 'web'],
    ['node'],
    ['inspect', 'web'],
    ['logs', 'web'],
    ['events'],
    ['explain', 'web'],
  ])(
    'says so, and nothing else, whatever is asked while no manager is there: %s %s',
    async (command, ...rest) => {
      const line = [command, '-m', '127.0.0.1:1', ...rest];
      const { exitCode, stdout, stderr } = await cli(line, { clock: impatientClock });
      expect(stdout).toBe('');
      expect(stderr).toContain('cannot be reached');
      expect(exitCode).toBe(69);
    },
  );

  test('gives errors as JSON too, on the error output', async () => {
    const { stdout, stderr } = await cli(['status', '--json', '-m', '127.0.0.1:1']);
    expect(stdout).toBe('');
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: 'unreachable', hint: expect.any(String), issues: [] },
    });
  });

  test('is quiet when whoever reads its output has gone', async () => {
    const script = `
      import { main } from ${JSON.stringify(new URL('../../../src/cli/main.ts', import.meta.url))};
      await main(['--help']);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += String(chunk);
    });
    const [code] = await once(child, 'close');
    expect(stderr).toBe('');
    expect(code).toBe(0);
  });
});
