import { describe, expect, test } from 'vitest';
import { parseDockerHost } from '../../../../src/runtime/docker/docker-host.ts';
import {
  connectionError,
  Refusal,
  refusalError,
  refusalIn,
} from '../../../../src/runtime/docker/engine-error.ts';
import { createError, startError } from '../../../../src/runtime/docker/start-failure.ts';
import { taskSpecSchema } from '../../../../src/task/task-spec.ts';

const socket = parseDockerHost('/var/run/docker.sock');
const remote = parseDockerHost('tcp://10.0.0.5:2376');

const failing = (code: string, message = code) => Object.assign(new Error(message), { code });

describe('no connection to an engine', () => {
  test.each([
    ['ENOENT', /no Docker Engine at \/var\/run\/docker\.sock/, /Start Docker .*DOCKER_HOST/],
    ['EACCES', /Permission denied/, /usermod -aG docker/],
    ['ECONNREFUSED', /Nothing listens/, /Start Docker/],
    ['ECONNRESET', /broke/, /log of dockerd/],
  ])('for %s tells why, and what to do', (code, message, hint) => {
    const error = connectionError(socket, failing(code));
    expect(error).toMatchObject({ code: 'runtime-unavailable', retryable: true });
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(hint);
  });

  test('tells of names and certificates where the engine is far', () => {
    expect(connectionError(remote, failing('ENOTFOUND')).message).toContain('not known');
    const untrusted = failing('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in chain');
    expect(connectionError(remote, untrusted).hint).toContain('DOCKER_CERT_PATH');
  });
});

describe('a refusal', () => {
  test('is told from a broken connection, with the engine’s words', () => {
    const error = Object.assign(new Error('(HTTP code 409) conflict - the name is in use '), {
      statusCode: 409,
    });
    expect(refusalIn(error)).toEqual(new Refusal(409, 'the name is in use'));
    const json = { message: 'the words' };
    expect(refusalIn(Object.assign(error, { json }))).toEqual(new Refusal(409, 'the words'));
    expect(refusalIn(failing('ECONNRESET'))).toBeUndefined();
    expect(refusalIn('text')).toBeUndefined();
  });

  test.each([
    [503, 'busy', 'runtime-unavailable'],
    [500, 'context deadline exceeded', 'runtime-unavailable'],
    [500, 'cannot connect: connection refused', 'runtime-unavailable'],
    [500, 'no space left on device', 'runtime-failed'],
    [400, 'context canceled', 'runtime-failed'],
  ])('with %i and "%s" is %s', (status, message, code) => {
    expect(refusalError('do it', new Refusal(status, message))).toMatchObject({
      code,
      message: `Docker could not do it: ${message}.`,
    });
  });
});

describe('a start that an engine refuses', () => {
  const spec = taskSpecSchema.parse({
    name: 'web',
    image: 'nginx',
    command: 'serve',
    ports: [{ container: 80, host: 8080 }, { container: 81 }],
  });

  test.each([
    'driver failed programming external connectivity on endpoint web (0f): Bind for 127.0.0.1:8080 failed: port is already allocated',
    'driver failed programming external connectivity: Error starting userland proxy: listen tcp4 127.0.0.1:8080: bind: address already in use',
    'failed to set up container networking: failed to bind host port for 127.0.0.1:8080:172.17.0.2:80/tcp: address already in use',
    'Ports are not available: exposing port TCP 127.0.0.1:8080 -> 0.0.0.0:0: listen tcp: bind',
  ])('for a port names it: %s', (message) => {
    const error = startError(spec, new Refusal(500, message));
    expect(error).toMatchObject({ code: 'port-taken', retryable: true });
    expect(error.message).toMatch(/^Port 8080 of web is in use/);
  });

  test('for a port that the engine chose does not name one of the spec', () => {
    const message = 'Bind for 127.0.0.1:49153 failed: port is already allocated';
    expect(startError(spec, new Refusal(500, message)).message).toMatch(/^A port of web/);
  });

  test('for a program that is not there names it', () => {
    const message = 'OCI runtime create failed: exec: "serve": executable file not found in $PATH';
    expect(startError(spec, new Refusal(400, message))).toMatchObject({
      code: 'runtime-failed',
      message: expect.stringContaining('"serve"'),
    });
  });

  test('for want of an image or a program says so', () => {
    expect(createError(spec, new Refusal(404, 'No such image: nginx:latest')).code).toBe(
      'image-missing',
    );
    expect(createError(spec, new Refusal(400, 'No command specified')).hint).toContain('command');
    expect(createError(spec, new Refusal(500, 'disk quota exceeded')).code).toBe('runtime-failed');
  });
});
