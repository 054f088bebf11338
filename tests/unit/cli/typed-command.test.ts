import { expect, test } from 'vitest';
import { asTyped } from '../../../src/cli/typed-command.ts';
import { cli } from '../../support/cli.ts';
import { startManagerStub } from '../../support/manager-stub.ts';

const viaNpm = { npm_lifecycle_event: 'npx' };

test('commands are told as they can be typed: by way of npx, where npx was used', () => {
  const text = 'cube: none. "cube status --all" or: cube run --name a, "cube --help"; a cube runs.';
  expect(asTyped({}, text)).toBe(text);
  expect(asTyped(viaNpm, text)).toBe(
    'cube: none. "npx cube status --all" or: npx cube run --name a, "npx cube --help"; a cube runs.',
  );
  expect(asTyped(viaNpm, 'npx cube status')).toBe('npx cube status');
});

test('what to do next, and the hints of errors, are told so', async () => {
  await using manager = await startManagerStub({
    onSubmit: ({ id }, stub) => stub.change(id, { state: 'running', node: 'n', attempt: 1 }),
  });
  const options = { environment: viaNpm };
  const run = await cli(['run', '-m', manager.url, '--', 'true'], options);
  expect(run.stdout).toMatch(/Next: npx cube logs -f \w+ {3}npx cube status {3}npx cube stop/);
  const missing = await cli(['status', 'nothing', '-m', manager.url], options);
  expect(missing.stderr).toContain('"npx cube status --all" lists every task.');
});
