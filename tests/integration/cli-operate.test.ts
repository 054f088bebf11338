import { spawn, spawnSync } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { completionScripts } from '../../src/cli/completion-scripts.ts';
import { type CubeUp, startCubeUp } from '../support/cube-up.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { CUBE_COMMAND, TerminalProgram } from '../support/terminal-program.ts';

/** One manager and worker with one process, for all that a user does with them at a terminal. */
let up: CubeUp;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

beforeAll(async () => {
  directory = await temporaryDirectory();
  const environment = { DOCKER_HOST: 'unix:///nonexistent/docker.sock' };
  up = await startCubeUp(join(directory.path, 'data'), [], environment);
  const { task } = await up.client.submit({
    name: 'job',
    command: 'sleep',
    args: ['600'],
    env: { GREETING: 'hello' },
  });
  await up.untilState(task.id, 'running');
});

afterAll(async () => {
  await up[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

function environment(): Record<string, string> {
  return { CUBE_MANAGER_PORT: String(up.port), CUBE_MANAGER_HOST: '127.0.0.1' };
}

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(command: readonly string[], input?: string): Promise<Result> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    env: { ...process.env, ...environment() },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const texts = { stdout: '', stderr: '' };
  child.stdout?.on('data', (data) => {
    texts.stdout += data;
  });
  child.stderr?.on('data', (data) => {
    texts.stderr += data;
  });
  child.stdin?.end(input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...texts }));
  });
}

const cube = (...args: readonly string[]): string[] => [...CUBE_COMMAND, ...args];

test('cube exec runs a command beside a process, with its input, outputs and exit code', async () => {
  const script = 'echo "$GREETING"; cat; echo bad >&2; exit 7';
  const result = await run(cube('exec', 'job', '--', 'sh', '-c', script), 'piped\n');
  expect(result).toEqual({ code: 7, stdout: 'hello\npiped\n', stderr: 'bad\n' });
  const missing = await run(cube('exec', 'nobody', 'true'));
  expect(missing).toMatchObject({ code: 3, stderr: expect.stringContaining('nobody') });
});

test('cube exec -it is a terminal: sizes, keys and Ctrl-C reach the command', async () => {
  using program = new TerminalProgram([...CUBE_COMMAND, 'exec', '-it', 'job', 'sh'], environment());
  await program.until(/[#$] /);
  program.type('PS1=; stty size; echo "$GREETING" "$TERM"\r');
  await program.until(/24 80\r+\nhello xterm\r+\n/);
  program.resize(100, 30);
  program.type('until stty size | grep -q 100; do sleep 0.05; done; stty size\r');
  await program.until(/30 100\r+\n/);
  // A key is a signal only once the command runs, not while the shell still reads the line.
  program.type('echo runs "now"; sleep 600\r');
  await program.until(/runs now\r+\n/);
  program.type('\u0003');
  program.type('echo still "here"\r');
  await program.until(/still here\r+\n/);
  program.type('exit 9\r');
  expect(await program.ended()).toBe(9);
});

test('cube exec says that its command has ended with the task', async () => {
  const { task } = await up.client.submit({ name: 'brief', command: 'sleep', args: ['600'] });
  await up.untilState(task.id, 'running');
  const mark = `5${Math.floor(Math.random() * 1e8)}`;
  const result = run(cube('exec', 'brief', 'sleep', mark));
  await eventually('the command runs', async () => (await countSleeps(mark)) === 1);
  await up.client.stop(task.id);
  expect(await result).toEqual({
    code: 137,
    stdout: '',
    stderr: expect.stringMatching(/^cube: The command has ended with its task, which is .*stopp/),
  });
});

test('a command ends with the client that asked for it', async () => {
  const mark = `4${Math.floor(Math.random() * 1e8)}`;
  using program = new TerminalProgram(
    [...CUBE_COMMAND, 'exec', '-t', 'job', 'sleep', mark],
    environment(),
  );
  await eventually('the command runs', async () => (await countSleeps(mark)) === 1);
  program.kill('SIGKILL');
  await eventually('the command is gone', async () => (await countSleeps(mark)) === 0);
});

async function countSleeps(mark: string): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines.filter((line) => line === `sleep\0${mark}\0`).length;
}

test.each([
  ['q', (program: TerminalProgram) => program.type('q'), 0],
  ['a signal', (program: TerminalProgram) => program.kill('SIGTERM'), 0],
])('cube top shows nodes and tasks, and gives the terminal back on %s', async (_, end, code) => {
  using program = new TerminalProgram([...CUBE_COMMAND, 'top'], environment());
  await program.until('\u001b[?1049h');
  await program.until(/NODE .*CPU.*worker-1.*job.*q quit/s);
  program.type('m');
  await program.until('MEMORY▼');
  end(program);
  expect(await program.ended()).toBe(code);
  expect(program.output.endsWith('\u001b[?25h\u001b[?1049l')).toBe(true);
});

test('cube top --once is a table, and JSON for programs', async () => {
  const table = await run(cube('top', '--once'));
  expect(table.stdout).toMatch(/^NODE +STATE +CPU/m);
  expect(table.stdout).toMatch(/ job +\d+% +[\d.]+ [KM]?i?B +worker-1 +0 +running/);
  const { stdout } = await run(cube('top', '--json'));
  expect(JSON.parse(stdout)).toMatchObject({
    tasks: [{ task: { spec: { name: 'job' } }, memory: expect.any(Number) }],
  });
});

/** Names as the shells of users find the command: on the path. */
async function installCube(): Promise<string> {
  const [node, main] = CUBE_COMMAND;
  const path = join(directory.path, 'cube');
  await writeFile(path, `#!/bin/sh\nexec '${node}' '${main}' "$@"\n`, { mode: 0o755 });
  for (const [shell, script] of Object.entries(completionScripts)) {
    await writeFile(join(directory.path, `completion.${shell}`), script);
  }
  return directory.path;
}

/** Whoever has no such shell needs no completion in it; where every test is to run, it is there. */
function isMissing(shell: string): boolean {
  return process.env['CI'] !== 'true' && spawnSync(shell, ['--version']).error !== undefined;
}

const shells = [
  ['bash', ['--norc', '--noprofile', '-i'], 'PS1="> "'],
  ['zsh', ['-f', '-i'], 'PS1="> "; autoload -Uz compinit; compinit -u -D'],
  ['fish', ['--no-config', '-i'], 'function fish_prompt; echo "> "; end'],
] as const;

test.for(shells)('%s completes commands, flags and names of tasks', async (row, { skip }) => {
  const [shell, flags, prepare] = row;
  skip(isMissing(shell), `There is no ${shell}.`);
  const folder = await installCube();
  using program = new TerminalProgram([shell, ...flags], {
    ...environment(),
    PATH: `${folder}:${process.env['PATH'] ?? ''}`,
    HOME: folder,
    XDG_CONFIG_HOME: folder,
    XDG_DATA_HOME: folder,
  });
  program.type(`${prepare}\r`);
  program.type(`source ${folder}/completion.${shell}; echo rea"dy"\r`);
  await program.until(/ready/);
  for (const [typed, completed] of [
    ['cube expl', 'ain'],
    ['cube status --sta', 'te'],
    ['cube logs jo', 'b'],
    ['cube inspect work', 'er-1'],
  ] as const) {
    program.type(typed);
    await program.until(typed.slice(-3));
    program.type('\t');
    await program.until(completed);
    program.type('\u0015');
  }
});
