import { expect, it } from 'vitest';
import type { Logger } from '../../../src/lib/logger.ts';
import { noopLogger } from '../../../src/lib/logger.ts';
import type { AttemptRecord } from '../../../src/store/attempt-repository.ts';
import { logChanges } from '../../../src/worker/log-changes.ts';

const running: AttemptRecord = {
  taskId: '00000001-0000-4000-8000-000000000001',
  attempt: 1,
  cluster: 'c',
  runtime: 'process',
  desired: 'running',
  observation: {
    taskId: '00000001-0000-4000-8000-000000000001',
    attempt: 1,
    phase: 'running',
    runtimeId: '7',
    ports: [],
  },
  sequence: 1,
  createdAt: '2026-01-02T03:04:05.000Z',
};

it('what a manager does not want any more leaves a trace, also when nobody asked for its end', () => {
  const said: string[] = [];
  const logger: Logger = {
    ...noopLogger,
    info: (_fields: object, words: string) => void said.push(words),
  };
  logChanges(logger, [{ before: running, after: { ...running, desired: 'forgotten' } }]);
  logChanges(logger, [{ before: running, after: running }]);
  expect(said).toEqual([
    'The manager does not want an attempt here any more: it is ended, and removed.',
  ]);
});
