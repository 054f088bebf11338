import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cli } from '../../support/cli.ts';

const folder = join(import.meta.dirname, '../../../deploy/systemd');

/** The settings of a unit, each with every value that it is given. */
function readUnit(name: string): ReadonlyMap<string, readonly string[]> {
  const settings = new Map<string, string[]>();
  for (const line of readFileSync(join(folder, name), 'utf8').split('\n')) {
    if (line === '' || line.startsWith('#') || line.startsWith('[')) continue;
    const [, key = '', value = ''] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
    expect(key, line).not.toBe('');
    settings.set(key, [...(settings.get(key) ?? []), value]);
  }
  return settings;
}

describe.each(['manager', 'worker'])('the unit of the %s', (role) => {
  const unit = readUnit(`cube-${role}.service`);
  const [command = ''] = unit.get('ExecStart') ?? [];
  const words = command.split(' ');

  it('starts a command that there is, with flags that it has', async () => {
    expect(words.slice(0, 2)).toEqual(['/usr/local/bin/cube', role]);
    const { exitCode, stdout } = await cli([role, '--help']);
    expect(exitCode).toBe(0);
    const flags = words.filter((word) => word.startsWith('-'));
    expect(flags).toContain('--token-file');
    for (const flag of flags) expect(stdout).toMatch(new RegExp(`(^|[ ,])${flag} <`, 'm'));
  });

  it('keeps its data in a directory of its own, which systemd makes for its owner alone', () => {
    const directory = words[words.indexOf('--data-dir') + 1];
    expect(directory).toBe(`/var/lib/${unit.get('StateDirectory')?.join()}`);
    expect(unit.get('StateDirectoryMode')).toEqual(['0700']);
  });

  it('is started again whatever happens, and says nothing that it does not tell systemd', () => {
    expect(unit.get('Restart')).toEqual(['always']);
    expect(unit.get('StartLimitIntervalSec')).toEqual(['0']);
    // Neither notifies systemd, so it must not wait for that.
    expect(unit.get('Type')).toBeUndefined();
  });

  it('uses only variables that it sets', () => {
    const used = [...command.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name);
    const set = (unit.get('Environment') ?? []).map((text) => text.split('=')[0]);
    if (unit.has('LoadCredential')) set.push('CREDENTIALS_DIRECTORY');
    expect(used.filter((name) => !set.includes(name))).toEqual([]);
  });
});

it('the unit of the worker leaves tasks alone when it stops, and takes nothing from them', () => {
  const unit = readUnit('cube-worker.service');
  expect(unit.get('KillMode')).toEqual(['process']);
  // What a process inherits, or would lose when the unit stops.
  const harmful = ['PrivateTmp', 'ProtectHome', 'ProtectSystem', 'RuntimeDirectory'];
  for (const key of [...harmful, 'ProtectControlGroups', 'MemoryMax', 'TasksMax', 'User']) {
    expect(unit.get(key)).toBeUndefined();
  }
});
