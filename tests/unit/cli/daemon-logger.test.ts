import { describe, expect, test } from 'vitest';
import type { CliIo } from '../../../src/cli/cli-io.ts';
import { createProcessIo } from '../../../src/cli/cli-io.ts';
import { createDaemonLogger } from '../../../src/cli/daemon-logger.ts';

interface Captured {
  readonly io: CliIo;
  readonly lines: () => readonly string[];
}

function capture(isTerminal: boolean, environment: Record<string, string> = {}): Captured {
  let text = '';
  const io: CliIo = {
    ...createProcessIo(),
    environment: { NO_COLOR: '1', ...environment },
    clock: { ...createProcessIo().clock, now: () => Date.parse('2026-01-02T03:04:05.678Z') },
    stderr: {
      ...createProcessIo().stderr,
      isTerminal,
      columns: undefined,
      write: async (more) => {
        text += String(more);
      },
    },
  };
  return { io, lines: () => text.split('\n').slice(0, -1) };
}

describe('the log of a daemon', () => {
  test('is text on a terminal, and quiet', async () => {
    const { io, lines } = capture(true);
    const logger = (await createDaemonLogger(io, undefined)).child({ worker: 'w' });
    logger.info({}, 'Nothing to see.');
    logger.warn({ err: new Error('why\nnot'), count: 2 }, 'Beware \u001b[31mof this.');
    expect(lines()).toEqual(['03:04:05 warn Beware of this. worker=w err=why not count=2']);
  });

  test('is JSON elsewhere, with more', async () => {
    const { io, lines } = capture(false);
    const logger = (await createDaemonLogger(io, undefined)).child({ worker: 'w' });
    logger.debug({}, 'Too much.');
    logger.info({ count: 2 }, 'This.');
    expect(lines()).toHaveLength(1);
    expect(JSON.parse(lines()[0] ?? '')).toMatchObject({ worker: 'w', count: 2, msg: 'This.' });
  });

  test('is as loud as flag or variable say, and the flag goes first', async () => {
    const { io, lines } = capture(true, { CUBE_LOG_LEVEL: 'silent' });
    (await createDaemonLogger(io, undefined)).error({}, 'Unheard.');
    (await createDaemonLogger(io, 'debug')).debug({}, 'Heard.');
    expect(lines()).toEqual(['03:04:05 debug Heard.']);
    await expect(createDaemonLogger(io, 'loud')).rejects.toThrow(
      '--log-level is "loud"; want one of',
    );
  });

  test.each([true, false])('never shows a secret (terminal: %s)', async (isTerminal) => {
    const { io, lines } = capture(isTerminal);
    const logger = await createDaemonLogger(io, 'debug');
    logger.warn({ token: 'hush', env: { A: 'hush' } }, 'At the top.');
    logger.warn(
      { spec: { env: { A: 'hush' } }, request: { headers: { authorization: 'hush' } } },
      'Within.',
    );
    expect(lines()).toHaveLength(2);
    expect(lines().join('')).not.toContain('hush');
  });
});
