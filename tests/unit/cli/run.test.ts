import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cli } from '../../support/cli.ts';
import { sendJson, startHttpStub } from '../../support/http-stub.ts';
import { type ManagerStub, startManagerStub } from '../../support/manager-stub.ts';
import { taskIdOf, taskReplyOf } from '../../support/task-replies.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

/** Brings a submitted task to where it runs, step by step. */
function runIt(task: { readonly id: string }, stub: ManagerStub): void {
  setImmediate(() => {
    stub.change(task.id, { state: 'scheduled', node: 'worker-1', attempt: 1, progress: 'pulling' });
    setImmediate(() =>
      stub.change(task.id, {
        state: 'running',
        ports: [{ container: 80, host: 8080, protocol: 'tcp', address: '0.0.0.0' }],
      }),
    );
  });
}

/** The lines that are left on a terminal, for text that only goes up, erases, and writes lines. */
function screenOf(text: string): readonly string[] {
  const lines: string[] = [];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what a terminal obeys
  for (const [, up, line] of text.matchAll(/\u001b\[(\d+)A\u001b\[0J|([^\u001b\n]*)\n/g)) {
    if (up === undefined) lines.push(line ?? '');
    else lines.splice(lines.length - Number(up));
  }
  return lines;
}

function bodyOf(stub: { readonly requests: readonly { method: string; body: string }[] }): unknown {
  return JSON.parse(stub.requests.find(({ method }) => method === 'POST')?.body ?? '');
}

describe('cube run', () => {
  test('notes that another task of the name has not ended, and runs it all the same', async () => {
    await using manager = await startManagerStub();
    const argv = ['run', '-d', '-m', manager.url, '--name', 'web', '--image', 'nginx'];
    const first = await cli(argv);
    expect(first).toMatchObject({ exitCode: 0, stderr: '' });
    const [{ id } = { id: '' }] = manager.tasks.values();
    const second = await cli(argv);
    expect(second.exitCode).toBe(0);
    expect(second.stderr).toBe(
      `cube: Another task named "web" is pending already (${id.slice(0, 8)}).\n`,
    );
    for (const task of manager.tasks.values()) manager.change(task.id, { state: 'completed' });
    expect((await cli(argv)).stderr).toBe('');
  });

  test('waits until the task runs, and tells where and what next', async () => {
    await using manager = await startManagerStub({ onSubmit: runIt });
    const argv = [
      'run',
      '-m',
      manager.url,
      '--name',
      'web',
      '--image',
      'nginx',
      '--port',
      '8080:80',
    ];
    const { exitCode, stdout, stderr } = await cli(argv);
    const [task] = manager.tasks.values();
    const id = task?.id.slice(0, 8);
    expect(stdout).toBe(
      `web is running on worker-1.  ${task?.id}\n` +
        '  http://127.0.0.1:8080 -> 80/tcp\n' +
        `  Next: cube logs -f ${id}   cube status   cube stop ${id}\n`,
    );
    expect(stderr).toContain('web  pending\n');
    expect(exitCode).toBe(0);
  });

  test('shows what goes on in place on a terminal, and leaves only the result', async () => {
    await using manager = await startManagerStub({ onSubmit: runIt });
    const argv = ['run', '-m', manager.url, '--name', 'web', '--image', 'nginx'];
    const { stdout, stderr } = await cli(argv, { columns: 60 });
    expect(screenOf(stderr)).toEqual([]);
    expect(stderr).toContain('web  pending\n');
    expect(stderr).toContain('\u001b[1A\u001b[0J');
    expect(stdout).toContain('web is running on worker-1.');
  });

  test('makes the id itself, so that a repeated request is the same task', async () => {
    await using manager = await startManagerStub({ onSubmit: runIt });
    await cli(['run', '-m', manager.url, '--', 'sleep', '600']);
    expect(bodyOf(manager)).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name: 'sleep',
      command: 'sleep',
      args: ['600'],
    });
  });

  test('says when the task with this id was there before', async () => {
    const task = taskReplyOf({ name: 'web' }, { status: { state: 'running', node: 'n' } });
    await using manager = await startManagerStub({ tasks: [task] });
    const argv = ['run', '-m', manager.url, '--id', task.id, '--name', 'web', '--', 'sleep'];
    const { exitCode, stderr } = await cli(argv);
    expect(stderr).toContain('web was handed in before: this is the same task.');
    expect(exitCode).toBe(0);
  });

  test('sends a request again that broke off, and makes no second task', async () => {
    let count = 0;
    await using stub = await startHttpStub(({ method }, response) => {
      if (method !== 'POST') return sendJson(response, {});
      count += 1;
      if (count === 1) return void response.destroy();
      return sendJson(response, taskReplyOf({}, { status: { state: 'completed' } }), 201);
    });
    const argv = ['run', '-d', '-m', stub.url, '--', 'sleep'];
    expect((await cli(argv)).exitCode).toBe(0);
    const posts = stub.requests.filter(({ method }) => method === 'POST');
    const bodies = posts.map(({ body }) => body);
    expect(bodies).toHaveLength(2);
    expect(bodies[0]).toBe(bodies[1]);
  });

  test('turns flags into a spec', async () => {
    await using manager = await startManagerStub();
    const flags = [
      ['--image', 'team/app:1', '--cpu', '0.5', '--memory', '256MiB', '--disk', '1GiB'],
      ['-p', '127.0.0.1:8080:80', '-p', '53/udp', '-e', 'A=b=c', '--secret-env', 'KEY'],
      ['-v', 'data:/data:ro', '--bind', '/srv:/site', '-l', 'tier=front', '--restart', 'always'],
      ['--health-http', '80/ok', '--constraint', 'zone == eu', '--priority', '70'],
      ['--stop-signal', 'SIGINT', '--stop-timeout', '90s', '--on-node-lost', 'wait'],
      ['--pull', 'never', '--arg', 'x'],
    ].flat();
    const argv = ['run', '-d', '-m', manager.url, ...flags];
    const { exitCode, stdout, stderr } = await cli(argv, { environment: { KEY: 'hush' } });
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`${[...manager.tasks.keys()][0]}\n`);
    expect(bodyOf(manager)).toMatchObject({
      name: 'app',
      image: 'team/app:1',
      args: ['x'],
      cpu: 0.5,
      memory: 256 * 1024 ** 2,
      disk: 1024 ** 3,
      ports: [
        { container: 80, host: 8080, protocol: 'tcp', address: '127.0.0.1' },
        { container: 53, protocol: 'udp' },
      ],
      env: { A: 'b=c', KEY: { secret: 'hush' } },
      volumes: [{ name: 'data', target: '/data', readOnly: true }],
      binds: [{ source: '/srv', target: '/site', readOnly: false }],
      labels: { tier: 'front' },
      restart: { policy: 'always' },
      health: { http: { port: 80, path: '/ok' } },
      constraints: ['zone == eu'],
      priority: 70,
      stopSignal: 'SIGINT',
      stopTimeout: '1m30s',
      onNodeLost: 'wait',
      pull: 'never',
    });
  });

  test('reads a file with several tasks, and the standard input', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'tasks.json');
    await writeFile(file, '[{"name":"a","command":"x"},{"name":"b","command":"y"}]');
    await using manager = await startManagerStub({ onSubmit: runIt });
    const argv = ['run', '-d', '--json', '-m', manager.url];
    const two = await cli([...argv, file]);
    expect(
      JSON.parse(two.stdout).map((task: { spec: { name: string } }) => task.spec.name),
    ).toEqual(['a', 'b']);
    const one = await cli([...argv, '-'], { input: '\ufeff{"name":"c","command":"z"}' });
    expect(JSON.parse(one.stdout).spec.name).toBe('c');
  });

  test("reads the reference's own form", async () => {
    await using manager = await startManagerStub();
    const input = JSON.stringify({
      ID: taskIdOf(7),
      State: 1,
      Task: { ID: taskIdOf(8), Name: 'old', Image: 'nginx', State: 1 },
    });
    const { exitCode } = await cli(['run', '-d', '-m', manager.url, '-'], { input });
    expect(exitCode).toBe(0);
    expect(manager.tasks.get(taskIdOf(8))?.spec.name).toBe('old');
  });

  test('ends with 0 when a task has completed before it could be seen to run', async () => {
    await using manager = await startManagerStub({
      onSubmit: ({ id }, stub) => {
        stub.change(id, {
          state: 'completed',
          attempt: 1,
          node: 'worker-1',
          reason: { code: 'exited', message: 'Done.' },
        });
      },
    });
    const { exitCode, stdout } = await cli(['run', '-m', manager.url, '--', 'true']);
    expect(stdout).toContain('true has completed on worker-1.');
    expect(exitCode).toBe(0);
  });

  test('ends with 1 when the start failed, and shows why and the last output', async () => {
    await using manager = await startManagerStub({
      onSubmit: ({ id }, stub) => {
        stub.change(id, {
          state: 'failed',
          attempt: 1,
          node: 'worker-1',
          exitCode: 3,
          reason: { code: 'exited', message: 'Ended with exit code 3.' },
          output: 'first\nsecond\n',
          finishedAt: '2026-01-02T03:05:00.000Z',
          restartDelayMs: 1000,
        });
      },
    });
    const { exitCode, stdout, stderr } = await cli(['run', '-m', manager.url, '--', 'false']);
    const id = [...manager.tasks.keys()][0]?.slice(0, 8);
    expect(stdout).toBe('');
    expect(stderr).toBe(
      'false  pending\ncube: false failed (exit code 3): Ended with exit code 3.\n' +
        '  | first\n  | second\n' +
        `  It is started again by its restart policy. Next: cube logs ${id}   cube stop ${id}\n`,
    );
    expect(exitCode).toBe(1);
  });

  test('shows what a task waits for, and ends with 124 when --timeout is over', async () => {
    await using manager = await startManagerStub({
      onSubmit: ({ id }, stub) => {
        stub.change(id, {
          reason: { code: 'no-node-fits', message: 'Needs 64 cores, at most 4 are free.' },
        });
      },
    });
    const argv = ['run', '--timeout', '300ms', '-m', manager.url, '--name', 'big', '--', 'x'];
    const { exitCode, stdout, stderr } = await cli(argv);
    const id = [...manager.tasks.keys()][0]?.slice(0, 8);
    expect(stdout).toBe('');
    expect(stderr).toBe(
      'big  pending\nbig  pending: Needs 64 cores, at most 4 are free\n' +
        'cube: The time is over, but big goes on without this command. ' +
        `It is pending: Needs 64 cores, at most 4 are free. Next: cube explain ${id}   cube stop ${id}\n`,
    );
    expect(exitCode).toBe(124);
  });

  test('waits for many tasks over one stream, and tells of each when its turn comes', async () => {
    await using manager = await startManagerStub({
      onSubmit: ({ id, spec }, stub) => {
        // The first to be handed in is the last to run.
        if (spec.name === 'slow') return;
        runIt({ id }, stub);
        const [slow] = stub.tasks.values();
        if (spec.name === 'job-149' && slow !== undefined) setImmediate(() => runIt(slow, stub));
      },
    });
    const names = ['slow', ...Array.from({ length: 150 }, (_, index) => `job-${index}`)];
    const input = JSON.stringify(names.map((name) => ({ name, command: 'true' })));
    const { exitCode, stdout } = await cli(['run', '-m', manager.url, '-'], { input });
    const told = stdout.split('\n').flatMap((line) => /^(\S+) is running/.exec(line)?.[1] ?? []);
    expect(told.toSorted()).toEqual(names.toSorted());
    expect(told.at(-1)).toBe('slow');
    expect(exitCode).toBe(0);
    const streams = manager.requests.filter(({ url }) => url.pathname === '/events');
    expect(streams.length).toBe(1);
  });

  test('goes on waiting when the connection is cut', async () => {
    await using manager = await startManagerStub({
      onSubmit: (task, stub) => {
        const begin = (): void => {
          if (stub.requests.every(({ url }) => url.pathname !== '/events')) {
            setImmediate(begin);
            return;
          }
          stub.cutStreams();
          runIt(task, stub);
        };
        begin();
      },
    });
    const { exitCode, stderr } = await cli(['run', '-m', manager.url, '--', 'sleep']);
    expect(stderr).toContain('the connection was cut. Still waiting …');
    expect(exitCode).toBe(0);
  });

  test('ends with 130 on Ctrl-C, and says that the task goes on', async () => {
    const abort = new AbortController();
    await using manager = await startManagerStub({ onSubmit: () => abort.abort() });
    const argv = ['run', '-m', manager.url, '--', 'sleep'];
    const { exitCode, stderr } = await cli(argv, { interrupt: abort.signal });
    expect(stderr).toContain(
      'cube: Interrupted, but sleep goes on without this command. It is pending.',
    );
    expect(exitCode).toBe(130);
  });
});

describe('cube run refuses', () => {
  test.each([
    [['run'], 'There is no task: neither a file nor flags.'],
    [['run', 'a.json', '--', 'x'], 'A task comes from a file or from flags, not from both.'],
    [['run', 'no-such.json'], 'The file no-such.json is not there.'],
    [['run', '.'], 'The file . is a directory.'],
    [['run', '--image', 'x', '-p', 'abc'], '--port is "abc"; want host:container'],
    [['run', '--image', 'x', '-e', 'abc'], '--env is "abc"; want KEY=VALUE.'],
    [['run', '--image', 'x', '-e', 'A=1', '-e', 'A=2'], '--env is "A=2"; want A only once.'],
    [['run', '--image', 'x', '-v', 'abc'], '--volume is "abc"; want name:target'],
    [['run', '--image', 'x', '--health-http', '/'], '--health-http is "/"; want a port'],
    [['run', '--image', 'x', '--secret-env', 'NO'], '--secret-env "NO": no such variable is set.'],
    [['run', '--name', 'a'], '"image" for a container or "command" for a process'],
    [['run', '--cpu', 'two', '--', 'x'], 'cpu: got "two", want cores as a number'],
    [['run', '--id', 'x', '--', 'x'], 'id: got "x", want a UUID'],
    [['run', '--restart', 'allways', '--', 'x'], 'did you mean always?'],
  ])('%j before anything is sent', async (argv, message) => {
    await using stub = await startHttpStub(() => undefined);
    const { exitCode, stdout, stderr } = await cli([
      ...argv.slice(0, 1),
      '-m',
      stub.url,
      ...argv.slice(1),
    ]);
    expect(stderr).toContain(message);
    expect(stdout).toBe('');
    expect(exitCode).toBe(2);
    expect(stub.requests).toEqual([]);
  });

  test.each([
    ['', 'The standard input is empty.'],
    [' \n', 'The standard input is empty.'],
    ['{"name": }', 'The standard input is not JSON: at line 1, column 10'],
    ['[]x', 'The standard input is not JSON'],
    ['\u0000\u0001', 'The standard input'],
    ['[{"name":"a","command":"x"},{"name":"b"}]', 'The standard input, task 2: The task is not'],
    ['{"name":"a","imagee":"x"}', 'did you mean image?'],
    [`{"name":"${'a'.repeat(1024 ** 2)}"}`, 'The standard input is larger than 1 MiB.'],
  ])('input that is no task: %#', async (input, message) => {
    await using stub = await startHttpStub(() => undefined);
    const { exitCode, stderr } = await cli(['run', '-', '-m', stub.url], { input });
    expect(stderr).toContain(message);
    expect(exitCode).toBe(2);
    expect(stub.requests).toEqual([]);
  });

  test('a file that is too large without reading it', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'big.json');
    await writeFile(file, Buffer.alloc(1024 ** 2 + 1, ' '));
    const { exitCode, stderr } = await cli(['run', file]);
    expect(stderr).toBe(`cube: ${file} is larger than 1 MiB. Split it into several files.\n`);
    expect(exitCode).toBe(2);
  });

  test('a token file that others can read', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'token');
    await writeFile(file, 'abcdefghijklmnop\n');
    await chmod(file, 0o644);
    const open = await cli(['status', '--token-file', file]);
    expect(open.stderr).toBe(
      `cube: The token file ${file} can be read by others (mode 0644). Close it: chmod 600 ${file}\n`,
    );
    expect(open.exitCode).toBe(2);
    await chmod(file, 0o600);
    await using manager = await startManagerStub();
    await cli(['status', '--token-file', file, '-m', manager.url]);
    expect(manager.requests[0]?.headers.authorization).toBe('Bearer abcdefghijklmnop');
    await mkdir(join(directory.path, 'dir'));
    const dir = await cli(['status', '--token-file', join(directory.path, 'dir')]);
    expect(dir.stderr).toContain('is not a file.');
  });
});
