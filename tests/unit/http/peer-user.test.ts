import { connect, createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { assertSameUser } from '../../../src/http/peer-user.ts';

const user = process.getuid?.() ?? 0;
const stranger = user + 1234;
const socket = { localPort: 5555, remotePort: 40000 };

/** A row of the kernel's table: the other end of the connection, and whose it is. */
function row(uid: number, { address = '0100007F', state = '01' } = {}): string {
  return `   3: ${address}:9C40 0100007F:15B3 ${state} 00000000:00000000 00:00000000 00000000 ${uid} 0 1 2 0\n`;
}

function check(table: string | undefined): Promise<void> {
  return assertSameUser(socket, async (name) => (name === 'tcp' ? table : undefined));
}

describe('whoever asks without a token', () => {
  test('is let in as the user of this program, or as root', async () => {
    await expect(check(row(user))).resolves.toBeUndefined();
    await expect(check(row(0))).resolves.toBeUndefined();
  });

  test.each([
    ['is another user', row(stranger)],
    [
      'has the ports of a friend on another address',
      row(user) + row(stranger, { address: '0500007F' }),
    ],
    ['is known to nobody', ''],
    ['has the ports of a connection that is over', row(user, { state: '06' })],
  ])('is refused who %s', async (_, table) => {
    await expect(check(table)).rejects.toMatchObject({ code: 'forbidden' });
  });

  test('passes where the system does not tell', async () => {
    await expect(check(undefined)).resolves.toBeUndefined();
  });

  // The kernel of Linux tells.
  test.runIf(process.platform === 'linux')('is found in the table of this machine', async () => {
    const accepted = Promise.withResolvers<Socket>();
    const server = createServer((one) => accepted.resolve(one));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    const address = server.address();
    const client = connect(typeof address === 'object' && address !== null ? address.port : 0);
    const seen = await accepted.promise;
    await expect(assertSameUser(seen)).resolves.toBeUndefined();
    client.destroy();
    seen.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
});
