import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const terminal = new URL('../../../src/runtime/process/terminal.ts', import.meta.url);

/** A program of its own, in which the optional package is not there. */
const WITHOUT_TERMINALS = `
  import { registerHooks } from 'node:module';
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier === '@lydell/node-pty') throw new Error('not installed');
      return next(specifier, context);
    },
  });
  const { openTerminal } = await import(${JSON.stringify(terminal.href)});
  const options = { args: [], signal: new AbortController().signal };
  await openTerminal(options, { columns: 80, rows: 24 }).catch((error) => {
    console.log(JSON.stringify({ code: error.code, hint: error.hint }));
  });
`;

test('where no terminals can be made, it is said what to do', async () => {
  const args = ['--input-type=module', '--eval', WITHOUT_TERMINALS];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(JSON.parse(stdout)).toEqual({
    code: 'runtime-failed',
    hint: expect.stringContaining('no -t'),
  });
});
