import { describe, expect, it } from 'vitest';
import { exchange, rawRequest, startManager, statusOfReply } from '../../support/http-doors.ts';

describe('a client that expects what Cube does not know', () => {
  it('is refused by name, and its connection closed', async () => {
    await using manager = await startManager();
    const headers = [`Host: localhost:${manager.port}`, 'Expect: a-miracle', 'Content-Length: 2'];
    const reply = await exchange(manager.port, rawRequest('POST /tasks', headers, '{}'));
    expect(statusOfReply(reply)).toBe(400);
    expect(reply).toContain('"field":"Expect"');
    expect(reply.toLowerCase()).toContain('connection: close');
  });

  it('learns nothing when it calls by a foreign name', async () => {
    await using manager = await startManager();
    const reply = await exchange(
      manager.port,
      rawRequest('GET /tasks', ['Host: evil.example', 'Expect: a-miracle']),
    );
    expect(statusOfReply(reply)).toBe(421);
  });
});
