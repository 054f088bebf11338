import { describe, expect, test } from 'vitest';
import { CubeError } from '../../../../src/errors/cube-error.ts';
import { describeDockerHost, parseDockerHost } from '../../../../src/runtime/docker/docker-host.ts';

describe('DOCKER_HOST', () => {
  test.each([
    ['unix:///run/user/7/docker.sock', ['/run/user/7/docker.sock']],
    ['/var/run/docker.sock', ['/var/run/docker.sock']],
    [' unix:///a b ', ['/a b']],
    ['', ['/var/run/docker.sock']],
    ['unix://', ['/var/run/docker.sock']],
  ])('"%s" means a socket', (text, paths) => {
    expect(parseDockerHost(text)).toEqual({ kind: 'socket', paths });
  });

  test('left out means the usual sockets, the system’s first', () => {
    expect(parseDockerHost(undefined, { home: '/home/ann', uid: 1000 })).toEqual({
      kind: 'socket',
      paths: [
        '/var/run/docker.sock',
        '/run/user/1000/docker.sock',
        '/home/ann/.docker/run/docker.sock',
      ],
    });
  });

  test.each([
    ['tcp://10.0.0.5:2375', { hostname: '10.0.0.5', port: 2375, tls: false }],
    ['tcp://10.0.0.5:2376', { hostname: '10.0.0.5', port: 2376, tls: true }],
    ['tcp://10.0.0.5', { hostname: '10.0.0.5', port: 2375, tls: false }],
    ['tcp://10.0.0.5:80', { hostname: '10.0.0.5', port: 80, tls: false }],
    ['https://engine.example', { hostname: 'engine.example', port: 2376, tls: true }],
    ['localhost:2375', { hostname: 'localhost', port: 2375, tls: false }],
    ['tcp://[::1]:2375', { hostname: '::1', port: 2375, tls: false }],
  ])('%s means an address', (text, address) => {
    expect(parseDockerHost(text)).toEqual({ kind: 'tcp', ...address });
  });

  test.each([
    'unix://relative',
    'npipe:////./pipe/docker_engine',
    'tcp://',
    'tcp://host:port',
    'tcp://user@host:2375',
    'tcp://host:2375/path',
    'fd://3',
    'not a host',
  ])('"%s" is refused with what would do', (text) => {
    expect(() => parseDockerHost(text)).toThrow(
      expect.objectContaining({
        code: 'configuration',
        hint: expect.stringContaining('unix:///var/run/docker.sock'),
      }),
    );
  });

  test('with ssh:// is refused with what to do instead', () => {
    const parse = () => parseDockerHost('ssh://ann@host');
    expect(parse).toThrow(CubeError);
    expect(parse).toThrow(expect.objectContaining({ hint: expect.stringContaining('ssh -N -L') }));
  });

  test('is shown in messages', () => {
    expect(describeDockerHost(parseDockerHost('/x.sock'))).toBe('/x.sock');
    expect(describeDockerHost(parseDockerHost('h:1'))).toBe('tcp://h:1');
  });
});
