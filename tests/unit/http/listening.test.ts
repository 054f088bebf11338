import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts';
import { eventually } from '../../support/eventually.ts';
import { openManager, startManager } from '../../support/http-doors.ts';

describe('listening', () => {
  it('on a port that is taken says so', async () => {
    await using first = await startManager();
    await using second = await openManager();
    await expect(
      second.server.listen({ host: '127.0.0.1', port: first.port }),
    ).rejects.toMatchObject({
      code: 'address-in-use',
      message: `Another program listens on 127.0.0.1:${first.port} already.`,
    });
  });

  it('at an address of another machine says so', async () => {
    await using manager = await openManager({ doors: { token: 'a-token' } });
    await expect(manager.server.listen({ host: '192.0.2.1', port: 0 })).rejects.toMatchObject({
      code: 'configuration',
      message: '192.0.2.1 is not an address of this machine.',
    });
  });

  it.each(['0.0.0.0', '::', '192.0.2.1', 'cube.example'])(
    'beyond loopback, on %s, needs a token',
    async (host) => {
      await using manager = await openManager();
      await expect(manager.server.listen({ host, port: 0 })).rejects.toMatchObject({
        code: 'configuration',
        message: `Listening on ${host} needs a token.`,
      });
    },
  );

  it('takes localhost for the loopback address', async () => {
    await using manager = await startManager({ host: 'localhost' });
    expect(manager.url).toBe(`http://127.0.0.1:${manager.port}`);
  });
});

describe('closing', () => {
  it('may be asked for twice, and before listening', async () => {
    const manager = await openManager();
    await Promise.all([manager.server.close(), manager.server.close()]);
  });

  it('is not held up by a connection on which nothing was ever asked', async () => {
    const manager = await startManager({ clock: new VirtualClock() });
    const socket = connect(manager.port, '127.0.0.1');
    await once(socket, 'connect');
    // A request on another connection shows that the server has taken the first.
    await fetch(`${manager.url}/healthz`);
    await manager.server.close();
    await once(socket, 'close');
  });

  it('lets a request finish, and then closes its connection', async () => {
    const manager = await startManager({ clock: new VirtualClock() });
    const { promise: flushed, resolve: flush } = Promise.withResolvers<void>();
    const submit = manager.service.submit.bind(manager.service);
    let isAsked = false;
    manager.service.submit = async (...args) => {
      isAsked = true;
      await flushed;
      return submit(...args);
    };
    const body = JSON.stringify({ name: 'web', image: 'nginx' });
    const reply = fetch(`${manager.url}/tasks`, { method: 'POST', body });
    await eventually('it is asked for', () => isAsked);
    const closed = manager.server.close();
    flush();
    expect((await reply).status).toBe(201);
    await closed;
  });

  it('cuts off in the end what does not finish', async () => {
    const clock = new VirtualClock();
    const manager = await startManager({ clock });
    let isAsked = false;
    manager.service.submit = () => {
      isAsked = true;
      return new Promise(() => undefined);
    };
    const body = JSON.stringify({ name: 'web', image: 'nginx' });
    const reply = fetch(`${manager.url}/tasks`, { method: 'POST', body });
    reply.catch(() => undefined);
    await eventually('it is asked for', () => isAsked);
    const closed = manager.server.close();
    await clock.advance(2000);
    await closed;
    await expect(reply).rejects.toThrow();
  });

  it('ends open streams and keeps nobody waiting', async () => {
    const manager = await startManager();
    const reply = await fetch(`${manager.url}/events`);
    const text = reply.text();
    const startedAt = performance.now();
    await manager.server.close();
    await expect(text).resolves.toBe('');
    expect(manager.service.streamCount).toBe(0);
    // Well below the two seconds after which connections are cut.
    expect(performance.now() - startedAt).toBeLessThan(1500);
  });
});
