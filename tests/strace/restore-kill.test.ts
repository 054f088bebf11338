import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { writeBackup } from '../../src/cli/write-backup.ts';
import { managerCollections } from '../../src/store/collections.ts';
import { openSqliteStore, type SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { taskSpecSchema } from '../../src/task/task-spec.ts';
import { serveManager } from '../support/served-manager.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

function openStore(directory: string): Promise<SqliteStore> {
  const path = join(directory, 'manager.db');
  return openSqliteStore({ path, role: 'manager', collections: managerCollections });
}

/** A data directory with one task of that name. */
async function makeData(directory: string, name: string, backup?: string): Promise<void> {
  const store = await openStore(directory);
  try {
    await using served = await serveManager({ store });
    const spec = taskSpecSchema.parse({ name, command: 'sleep' });
    await served.manager.submit({ spec }, { requestId: 'test' });
    if (backup === undefined) return;
    await using copy = await store.backUp();
    await writeBackup(backup, copy.read());
  } finally {
    await store.close();
  }
}

async function taskNames(directory: string): Promise<string> {
  const store = await openStore(directory);
  try {
    const tasks = await store.list('tasks');
    return tasks.map(({ value }) => JSON.stringify(value)).join();
  } finally {
    await store.close();
  }
}

test('a restore that is killed at any renaming leaves the old data or the new', async () => {
  await using home = await temporaryDirectory();
  const backup = join(home.path, 'new.backup');
  await makeData(join(home.path, 'new'), 'restored', backup);
  const old = join(home.path, 'old');
  await makeData(old, 'replaced');
  const outcomes: string[] = [];
  for (let when = 1; outcomes.at(-1) !== 'done'; when += 1) {
    const directory = join(home.path, `try-${when}`);
    await mkdir(directory, { mode: 0o700 });
    for (const file of await readdir(old)) await copyFile(join(old, file), join(directory, file));
    const inject = `inject=rename,renameat,renameat2:signal=KILL:when=${when}`;
    const child = spawn(
      'strace',
      [
        ...['-f', '-o', join(home.path, 'trace'), '-e', 'trace=rename,renameat,renameat2'],
        ...['-e', inject, process.execPath, join(root, 'bin', 'cube.js')],
        ...['restore', backup, '--data-dir', directory, '--force'],
      ],
      { stdio: 'ignore' },
    );
    const [code] = await once(child, 'exit');
    const tasks = await taskNames(directory);
    const isOld = tasks.includes('replaced');
    expect(isOld).toBe(!tasks.includes('restored'));
    expect(await readdir(directory)).not.toContainEqual(expect.stringMatching(/new-|\.restore$/));
    outcomes.push(code === 0 ? 'done' : isOld ? 'old' : 'new');
    expect(when).toBeLessThan(20);
  }
  // First nothing has changed; from one renaming on it is decided.
  expect(outcomes.join(' ')).toMatch(/^old( old)*( new)+ done$/);
});
