import { isLabelKey, isLabelValue, LABEL_KEY_WANTED, LABEL_VALUE_WANTED } from '../node/label.ts';
import { type SchedulerName, schedulerNames } from '../scheduler/scheduler.ts';
import { type StoreKind, storeKinds } from '../store/store.ts';
import { BYTES_WANTED, DURATION_WANTED, parseBytes, parseDurationMs } from '../task/quantity.ts';
import { normalizeHost } from './host.ts';
import type { Setting } from './setting.ts';

/** Everything that manager, worker and commands can be told, each with its grammar. */

const PORT_WANTED = 'a port from 1 to 65535, or 0 for any that is free';

function parsePort(text: string): number | undefined {
  if (!/^\d{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}

function oneOf<Word extends string>(words: readonly Word[]): (text: string) => Word | undefined {
  return (text) => words.find((word) => word === text);
}

const hostShape = {
  want: 'a host name or an IP address',
  example: '127.0.0.1',
  parse: normalizeHost,
} as const;

export const managerHost: Setting<string> = {
  ...hostShape,
  flag: '--host',
  variable: 'CUBE_MANAGER_HOST',
};

export const managerPort: Setting<number> = {
  flag: '--port',
  variable: 'CUBE_MANAGER_PORT',
  want: PORT_WANTED,
  example: '5555',
  parse: parsePort,
};

export const workerHost: Setting<string> = {
  ...hostShape,
  flag: '--host',
  variable: 'CUBE_WORKER_HOST',
};

export const workerPort: Setting<number> = {
  flag: '--port',
  variable: 'CUBE_WORKER_PORT',
  want: PORT_WANTED,
  example: '5556',
  parse: parsePort,
};

/** As `workerPort`, where `--port` is the manager's. */
export const upWorkerPort: Setting<number> = { ...workerPort, flag: '--worker-port' };

export const dataDir: Setting<string> = {
  flag: '--data-dir',
  variable: 'CUBE_DATA_DIR',
  want: 'a directory, by a path of at most 4,000 characters',
  example: '/var/lib/cube',
  parse: (text) => (text !== '' && text.length <= 4000 && !text.includes('\0') ? text : undefined),
};

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;

export type LogLevel = (typeof logLevels)[number];

export const logLevel: Setting<LogLevel> = {
  flag: '--log-level',
  variable: 'CUBE_LOG_LEVEL',
  want: `one of ${logLevels.join(', ')}`,
  example: 'info',
  parse: oneOf(logLevels),
};

export const storeKind: Setting<StoreKind> = {
  flag: '--store',
  want: 'memory or persistent',
  example: 'persistent',
  parse: oneOf(storeKinds),
};

export const schedulerName: Setting<SchedulerName> = {
  flag: '--scheduler',
  want: `one of ${schedulerNames.join(', ')}`,
  example: 'epvm',
  parse: oneOf(schedulerNames),
};

export const workerCount: Setting<number> = {
  flag: '--workers',
  want: 'a whole number from 1 to 64',
  example: '3',
  parse: (text) => {
    const count = /^\d{1,2}$/.test(text) ? Number(text) : 0;
    return count >= 1 && count <= 64 ? count : undefined;
  },
};

const duration = (flag: string, minMs: number, example: string): Setting<number> => ({
  flag,
  want: `${DURATION_WANTED}; at least ${minMs} ms, at most a day`,
  example,
  parse: (text) => {
    const ms = parseDurationMs(text);
    return ms !== undefined && ms >= minMs && ms <= 86_400_000 ? ms : undefined;
  },
});

export const nodeTimeoutMs: Setting<number> = duration('--node-timeout', 500, '15s');

export const waitMs: Setting<number> = duration('--timeout', 1, '2m');

export const cpuCapacity: Setting<number> = {
  flag: '--cpu',
  want: 'cores as a number from 0.01 to 100000',
  example: '4',
  parse: (text) => {
    const cores = /^\d{1,6}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
    return cores >= 0.01 && cores <= 100_000 ? cores : undefined;
  },
};

const bytes = (flag: string, example: string): Setting<number> => ({
  flag,
  want: BYTES_WANTED,
  example,
  parse: parseBytes,
});

export const memoryCapacity: Setting<number> = bytes('--memory', '8GiB');

export const diskCapacity: Setting<number> = bytes('--disk', '100GiB');

export const nodeName: Setting<string> = {
  flag: '--name',
  want: '1 to 63 letters, digits, "-", "_" or ".", beginning with a letter or digit',
  example: 'worker-1',
  parse: (text) => (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(text) ? text : undefined),
};

export const nodeLabel: Setting<readonly [string, string]> = {
  flag: '--label',
  want: `key=value, with ${LABEL_KEY_WANTED}, and ${LABEL_VALUE_WANTED}`,
  example: 'zone=eu',
  parse: (text) => {
    const [, key = '', value = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
    return isLabelKey(key) && isLabelValue(value) ? [key, value] : undefined;
  },
};

export const bindRoot: Setting<string> = {
  flag: '--allow-bind',
  want: 'the absolute path of a directory, without ".."',
  example: '/srv',
  parse: (text) =>
    /^\/[^\0]{0,4000}$/.test(text) && !text.split('/').includes('..') ? text : undefined,
};

export const processWorkDir: Setting<string> = {
  flag: '--process-work-dir',
  want: 'the absolute path of a directory, without ".."',
  example: '/srv/cube-work',
  parse: bindRoot.parse,
};

export const processUser: Setting<string | { readonly userId: number; readonly groupId: number }> =
  {
    flag: '--process-user',
    want: 'the name of a user of this machine, or the numbers of a user and a group as 1000:1000',
    example: 'nobody',
    parse: (text) => {
      const [, userId, groupId] = /^(\d{1,10}):(\d{1,10})$/.exec(text) ?? [];
      if (userId !== undefined) return { userId: Number(userId), groupId: Number(groupId) };
      return /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/.test(text) ? text : undefined;
    },
  };
