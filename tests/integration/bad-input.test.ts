import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { chmod, mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { type CliResult, cli } from '../support/cli.ts';
import { type CliDaemon, startCliDaemon } from '../support/cli-daemon.ts';
import { taskId } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { exchange, rawRequest, statusOfReply } from '../support/http-doors.ts';
import { startHttpStub } from '../support/http-stub.ts';
import { serveManager } from '../support/served-manager.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

// What the real command line and the real servers make of input that is wrong, or right and yet
// not to be had. Rules of single fields are in tests/unit; docs/bad-input.md lists them all.

const clock = systemClock;
const environment = { DOCKER_HOST: 'unix:///nonexistent/docker.sock' };
const isRoot = process.getuid?.() === 0;

let directory: TemporaryDirectory;
let daemon: CliDaemon;

beforeAll(async () => {
  directory = await temporaryDirectory();
  const size = ['--cpu', '2', '--memory', '1GiB', '--disk', '1GiB', '--label', 'zone=eu'];
  const places = ['--data-dir', join(directory.path, 'data'), '--port', '0', '--worker-port', '0'];
  daemon = await startCliDaemon(['up', '--stop-tasks', ...places, ...size], { clock, environment });
  await eventually('the node is up', async () => {
    const [node] = (await ask('GET', '/nodes')).json.items;
    return node?.liveness === 'up';
  });
});

afterAll(async () => {
  await daemon.end();
  await directory[Symbol.asyncDispose]();
});

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: a reply, looked at field by field.
  readonly json: any;
}

async function ask(method: string, path: string, body?: object): Promise<Answer> {
  const text = body === undefined ? {} : { body: JSON.stringify(body) };
  const reply = await fetch(`${daemon.url}${path}`, { method, ...text });
  return { status: reply.status, json: await reply.json() };
}

describe('a task that is right and cannot be had here', () => {
  test.each([
    ['more cores than any node has', { cpu: 64 }, /cores/],
    ['the most cores there can be', { cpu: 100_000 }, /cores/],
    ['more memory than any node has', { memory: '64GiB' }, /memory/],
    ['more disk than any node has', { disk: '1000TiB' }, /disk/],
    ['a label that no node has', { constraints: ['zone == mars'] }, /zone == mars/],
    ['a label that every node has', { constraints: ['zone != eu'] }, /zone != eu/],
    [
      'a node that is not there',
      { constraints: ['node.name == ghost'] },
      /named ghost|node\.name == ghost/,
    ],
    ['a runtime that is away', { command: undefined, image: 'nginx' }, /docker/],
  ])('waits and says why: %s', async (_, more, words) => {
    const spec = { name: 'wish', command: 'sleep', ...more };
    const { status, json: task } = await ask('POST', '/tasks', spec);
    expect(status).toBe(201);
    const reason = await eventually('there is a reason', async () => {
      const { status: now } = (await ask('GET', `/tasks/${task.id}`)).json;
      expect(now.state).toBe('pending');
      return now.reason;
    });
    expect(reason).toMatchObject({ code: 'no-node-fits', message: expect.stringMatching(words) });
    const { advice } = (await ask('GET', `/tasks/${task.id}/placement`)).json;
    expect(advice.join(' ')).toMatch(words);
    await ask('DELETE', `/tasks/${task.id}`);
  });
});

describe('a request to the real manager', () => {
  test('of one id with another spec names the first field that differs', async () => {
    const spec = { id: taskId(1), name: 'one', command: 'sleep', cpu: 64, env: { A: 'x' } };
    expect((await ask('POST', '/tasks', spec)).status).toBe(201);
    expect((await ask('POST', '/tasks', spec)).status).toBe(200);
    const other = await ask('POST', '/tasks', { ...spec, cpu: 32 });
    expect(other.status).toBe(409);
    expect(other.json).toMatchObject({ code: 'conflict', field: 'cpu', got: '32' });
    expect(other.json.want).toBe('64, as the task of this id has it');
    const secret = await ask('POST', '/tasks', { ...spec, env: { A: { secret: 'hush' } } });
    expect(secret.json).toMatchObject({ field: 'env' });
    expect(JSON.stringify(secret.json)).not.toContain('hush');
    await ask('DELETE', `/tasks/${taskId(1)}`);
  });

  test('made twice at once makes one task', async () => {
    const spec = { id: taskId(2), name: 'twin', command: 'sleep', cpu: 64 };
    const replies = await Promise.all([1, 2, 3].map(() => ask('POST', '/tasks', spec)));
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 200, 201]);
    await ask('DELETE', `/tasks/${taskId(2)}`);
  });

  test('to stop is answered alike twice, whether the task waits or has ended', async () => {
    const spec = { name: 'a', command: 'true', restart: 'never' };
    const waits = (await ask('POST', '/tasks', { ...spec, cpu: 64 })).json.id;
    const ended = (await ask('POST', '/tasks', spec)).json.id;
    await eventually('it has ended', async () => {
      return (await ask('GET', `/tasks/${ended}`)).json.status.state === 'completed';
    });
    for (const id of [waits, ended]) {
      const first = await ask('DELETE', `/tasks/${id}`);
      expect(first).toMatchObject({ status: 200, json: { status: { state: 'completed' } } });
      expect(await ask('DELETE', `/tasks/${id}`)).toEqual(first);
    }
  });

  test('to stop while it starts comes to rest as stopped', async () => {
    const { id } = (await ask('POST', '/tasks', { name: 'b', command: 'sleep', args: ['600'] }))
      .json;
    expect((await ask('DELETE', `/tasks/${id}`)).status).toBe(200);
    const status = await eventually('it has ended', async () => {
      const { status: now } = (await ask('GET', `/tasks/${id}`)).json;
      return now.state === 'completed' ? now : undefined;
    });
    expect(status.desired).toBe('stopped');
    // What comes late asks for what already is so, and starts nothing.
    const again = { id, name: 'b', command: 'sleep', args: ['600'] };
    expect((await ask('POST', '/tasks', again)).json.status.state).toBe('completed');
  });

  test('with a cursor of another query is told to start again without it', async () => {
    for (const name of ['p', 'q']) await ask('POST', '/tasks', { name, command: 'x', cpu: 64 });
    const { cursor } = (await ask('GET', '/tasks?limit=1')).json;
    expect((await ask('GET', `/tasks?limit=1&cursor=${cursor}`)).status).toBe(200);
    for (const target of [`/tasks?name=p&cursor=${cursor}`, '/tasks?cursor=forged']) {
      const { status, json } = await ask('GET', target);
      expect(status).toBe(400);
      expect(json).toMatchObject({ field: 'cursor' });
      expect(json.detail).toBe('The cursor is not valid here: start again without it.');
    }
  });

  test('of the output of a task that has not run is not found, with what to look at', async () => {
    const { id } = (await ask('POST', '/tasks', { name: 'mute', command: 'x', cpu: 64 })).json;
    const { status, json } = await ask('GET', `/tasks/${id}/logs`);
    expect([status, json.code]).toEqual([404, 'not-found']);
    expect(json.hint).toContain(`cube explain ${id}`);
  });

  test('with two content types is refused', async () => {
    const { port } = new URL(daemon.url);
    const headers = [`Host: 127.0.0.1:${port}`, 'Content-Type: application/json'];
    const both = [...headers, 'Content-Type: text/plain', 'Content-Length: 2'];
    const reply = await exchange(Number(port), rawRequest('POST /tasks', both, '{}'));
    expect(statusOfReply(reply)).toBe(415);
  });

  test('of a task that is gone is told from one of a task that never was', async () => {
    await using served = await serveManager({ retention: { finishedAgeMs: 1000 } });
    const read = async (id: string): Promise<readonly [number, string]> => {
      const { status, text } = await served.ask({ method: 'GET', target: `/tasks/${id}` });
      return [status, JSON.parse(text).code];
    };
    const body = JSON.stringify({ id: taskId(1), name: 'a', command: 'x' });
    await served.ask({ method: 'POST', target: '/tasks', body });
    await served.ask({ method: 'DELETE', target: `/tasks/${taskId(1)}` });
    await served.clock.advance(120_000);
    expect(await read(taskId(1))).toEqual([410, 'pruned']);
    expect(await read(taskId(2))).toEqual([404, 'not-found']);
  });
});

describe('the file of cube run', () => {
  const run = (file: string): Promise<CliResult> => cli(['run', '-d', '-m', daemon.url, file]);

  test('may be a pipe', async () => {
    const pipe = join(directory.path, 'pipe');
    spawnSync('mkfifo', [pipe]);
    const running = run(pipe);
    createWriteStream(pipe).end('{"name":"piped","command":"sleep","cpu":64}');
    expect((await running).exitCode).toBe(0);
  });

  test.each([
    ['a pipe without end', '/dev/zero', /is larger than 1 MiB\./],
    ['nothing', '/dev/null', /is empty\. Want a task as JSON/],
    ['a file of 1 GiB', 'giant.json', /is larger than 1 MiB\. Split it/],
    ['random bytes', 'random', /is not valid UTF-8\. Send JSON encoded as UTF-8\./],
    ['YAML', 'task.yaml', /is not JSON: at line 1, column 1, near "name: web/],
    ['a directory', '.', /is a directory\. Name a file in it\./],
    ['a loop of links', 'loop', /is a loop of links\. Name the file itself\./],
    ['below a file', 'file/x', /is not there: a part of its path is a file\./],
    ['of a name without end', 'x'.repeat(300), /is not there: its path is longer than any\./],
    ['a socket', 'socket', /is a socket\. Name a file, or a pipe\./],
    ['not there', 'nowhere', /is not there\. For a command instead of a file:/],
  ])('is refused when it is %s', async (_, name, message) => {
    await using own = await temporaryDirectory();
    await using server = createServer();
    const path = name.startsWith('/') ? name : join(own.path, name);
    if (name === 'giant.json') {
      await writeFile(path, '{');
      await truncate(path, 1024 ** 3);
    }
    if (name === 'random') await writeFile(path, Buffer.from([0x7b, 0xff, 0xfe, 0x00]));
    if (name === 'task.yaml') await writeFile(path, 'name: web\nimage: nginx\n');
    if (name === 'loop') await symlink(path, path);
    if (name === 'file/x') await writeFile(join(own.path, 'file'), '');
    if (name === 'socket') await once(server.listen(path), 'listening');
    const { exitCode, stdout, stderr } = await run(path);
    expect(stderr).toMatch(message);
    expect(stderr).toContain(path);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect([exitCode, stdout]).toEqual([2, '']);
  });

  // Root may read everything.
  test.runIf(!isRoot)('is refused when it may not be read', async () => {
    const path = join(directory.path, 'closed.json');
    await writeFile(path, '{}');
    await chmod(path, 0);
    expect((await run(path)).stderr).toContain('may not be read by you');
  });

  test('is asked for on a terminal', async () => {
    const { exitCode, stderr } = await cli(['run', '-'], { columns: 80 });
    expect(stderr).toMatch(/^Type or paste a task as JSON, then Ctrl-D\.\ncube: .* is empty/);
    expect(exitCode).toBe(2);
  });
});

describe('the command line', () => {
  test.each([
    [['-h']],
    [['run', '-h']],
    [['run', '--name', 'a', '-h']],
    [['status', 'web', '-h']],
    [['run', '-h', '--', 'sleep']],
  ])('gives help wherever -h stands: %j', async (argv) => {
    const { exitCode, stdout, stderr } = await cli(argv);
    expect(stdout).toMatch(/^Usage: cube/);
    expect([exitCode, stderr]).toEqual([0, '']);
  });

  test('leaves alone what follows --, for it is the task’s', async () => {
    const argv = ['run', '-d', '--json', '-m', daemon.url, '--cpu', '64', '--name', 'own'];
    const { stdout } = await cli([...argv, '--', 'tool', '-h', '--', '--name', 'x']);
    expect(JSON.parse(stdout).spec).toMatchObject({
      name: 'own',
      command: 'tool',
      args: ['-h', '--', '--name', 'x'],
    });
  });

  test.each([20, 40, 80])('fits a terminal of %i columns as well as it can', async (columns) => {
    for (const command of ['status', 'node']) {
      const { exitCode, stdout, stderr } = await cli([command, '-m', daemon.url], { columns });
      expect([exitCode, stderr]).toEqual([0, '']);
      expect(stdout.includes('\u001b[3')).toBe(false);
      const lines = stdout.split('\n').filter((line) => line !== '');
      expect(lines.length).toBeGreaterThan(1);
    }
  });

  test('is quiet when its reader has seen enough', async () => {
    // From the sources: what is built may be of another moment.
    const main = JSON.stringify(new URL('../../src/cli/main.ts', import.meta.url));
    const script = `const { main } = await import(${main}); await main(process.argv.slice(1));`;
    const argv = ['status', '--json', '-m', daemon.url];
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, '--', ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.once('data', () => child.stdout.destroy());
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += String(chunk);
    });
    const [code] = await once(child, 'close');
    expect([code, stderr]).toEqual([0, '']);
  });
});

describe('an address at which no manager serves', () => {
  const status = (address: string): Promise<CliResult> => cli(['status', '-m', address]);

  test.each([
    ['a page', '<html>', 200, /is not a Cube manager .* the answer is not JSON/],
    ['a redirect', '', 301, /it answered with status 301/],
    ['an error of a proxy', '<html>', 502, /it answered with status 502/],
  ])('is named with the next step, in one sentence: %s', async (_, body, code, message) => {
    await using stub = await startHttpStub((_request, response) => {
      response.writeHead(code, { location: 'http://127.0.0.1:1/' }).end(body);
    });
    const { exitCode, stdout, stderr } = await status(stub.url);
    expect(stderr).toMatch(message);
    expect(stderr).toContain('Check host and port');
    expect([exitCode, stdout, stderr.trim().split('\n').length]).toEqual([69, '', 1]);
  });

  test('speaks no TLS, or nothing else', async () => {
    const tls = createServer((socket) => {
      socket.on('error', () => undefined);
      // An alert, as a TLS server answers what is none.
      socket.once('data', () => socket.end(Buffer.from([0x15, 3, 1, 0, 2, 2, 0x46])));
    }).listen(0, '127.0.0.1');
    await once(tls, 'listening');
    const { port } = tls.address() as AddressInfo;
    const plain = await status(`http://127.0.0.1:${port}`);
    expect(plain.stderr).toContain(`http://127.0.0.1:${port}`);
    expect(plain.exitCode).toBe(69);
    const secure = await status(daemon.url.replace('http:', 'https:'));
    expect(secure.stderr).toContain('does not speak TLS. Use an address that begins with http://.');
    expect(secure.exitCode).toBe(69);
    tls.close();
  });

  test('has a name that is not known', async () => {
    const { exitCode, stderr } = await status('no-such-host.invalid:5555');
    expect(stderr).toMatch(/no-such-host\.invalid:5555 cannot be reached: the host name /);
    expect(exitCode).toBe(69);
  });
});

describe('a manager that is told where to serve', () => {
  const start = (...argv: string[]): Promise<CliResult> => {
    const token = { CUBE_TOKEN: 'token-of-this-test-0123456789' };
    const places = argv.includes('--data-dir') ? [] : ['--data-dir', join(directory.path, 'm')];
    return cli(['manager', '--port', '0', ...places, ...argv], { clock, environment: token });
  };

  test.each([
    ['a foreign address', ['--host', '203.0.113.7'], /^cube: 203\.0\.113\.7 is not an address of/],
    ['no name', ['--host', 'no-such-host.invalid'], /The host name no-such-host\.invalid does not/],
    [
      'a place below /proc',
      ['--data-dir', '/proc/cube'],
      /\/proc\/cube cannot be used: no directory can be made there\./,
    ],
    ['a device', ['--data-dir', '/dev/null'], /\/dev\/null is a file\./],
    ['a place below it', ['--data-dir', '/dev/null/x'], /used: a part of its path is a file\./],
    ['a long name', ['--data-dir', `/tmp/${'x'.repeat(300)}`], /used: its path is too long\./],
    ['a long path', ['--data-dir', `/${'x/'.repeat(2500)}`], /x.*at most 4,000 characters/],
  ])('refuses it in one sentence: %s', async (_, argv, message) => {
    const { exitCode, stdout, stderr } = await start(...argv);
    expect(stderr).toMatch(message);
    expect([exitCode, stdout, stderr.trim().split('\n').length]).toEqual([2, '', 1]);
  });

  test('refuses a data directory behind a link that leads nowhere or around', async () => {
    await using own = await temporaryDirectory();
    const [dangling, loop] = [join(own.path, 'dangling'), join(own.path, 'loop')];
    await symlink(join(own.path, 'nowhere'), dangling);
    await symlink(loop, loop);
    expect((await start('--data-dir', dangling)).stderr).toContain('no directory can be made');
    expect((await start('--data-dir', loop)).stderr).toContain('a loop of links');
  });

  test.runIf(isRoot)('refuses a data directory on a file system that is read-only', async () => {
    await using own = await temporaryDirectory();
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'ro,size=64k', 'tmpfs', own.path]);
    try {
      expect(mounted.stderr.toString()).toBe('');
      const { exitCode, stderr } = await start('--data-dir', join(own.path, 'd'));
      expect(stderr).toContain('cannot be used: its file system is read-only.');
      expect(exitCode).toBe(2);
    } finally {
      spawnSync('umount', [own.path]);
    }
  });

  test.runIf(!isRoot)('refuses a data directory where it may not write', async () => {
    await using own = await temporaryDirectory();
    const closed = join(own.path, 'closed');
    await mkdir(closed, { mode: 0o500 });
    const { stderr } = await start('--data-dir', join(closed, 'd'));
    expect(stderr).toContain('cannot be used: you may not write there.');
  });

  test('warns when the clock of the machine cannot be right', async () => {
    const past: Clock = { ...systemClock, now: () => Date.parse('1970-01-02T00:00:00Z') };
    await using own = await temporaryDirectory();
    const abort = new AbortController();
    const { exitCode, stderr } = await cli(
      ['manager', '--port', '0', '--data-dir', own.path, '--store', 'memory'],
      { clock: past, interrupt: abort.signal, onOutput: () => abort.abort() },
    );
    expect(stderr).toContain('The clock of this machine says 1970-01-02T00:00:00.000Z; set it');
    expect(exitCode).toBe(0);
  });
});
