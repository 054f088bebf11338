import { existsSync, readFileSync } from 'node:fs';
import { type Finding, ok, warn } from './finding.ts';

/** Open files below which a manager or worker of many tasks may run out, each task taking a few. */
const DESCRIPTORS_WANTED = 4096;

/** What of the machine does not depend on where Cube keeps its data. */
export function checkMachine(): readonly Finding[] {
  return [checkNode(), checkDescriptors(readText('/proc/self/limits')), checkCgroups()];
}

function checkNode(): Finding {
  const { node } = process.versions;
  if (Number(node.split('.')[0]) % 2 === 0) return ok('node', `Node ${node}`);
  return warn('node', `Node ${node} is no long-term release`, 'Install an even-numbered one.');
}

/** @param limits the text of /proc/self/limits; empty on other systems. */
export function checkDescriptors(limits: string): Finding {
  const [, soft, hard] = /^Max open files +(\S+) +(\S+)/m.exec(limits) ?? [];
  if (soft === undefined) return ok('open files', 'this system does not tell of a limit');
  if (soft === 'unlimited' || Number(soft) >= DESCRIPTORS_WANTED) {
    return ok('open files', `at most ${soft} for each process`);
  }
  return warn(
    'open files',
    `at most ${soft} for each process, and many tasks and watchers need more`,
    `Raise it where Cube is started: ulimit -n ${hard ?? DESCRIPTORS_WANTED}, or LimitNOFILE= in its unit.`,
  );
}

function checkCgroups(): Finding {
  if (process.platform !== 'linux') return ok('cgroups', 'this system has none');
  const controllers = readText('/sys/fs/cgroup/cgroup.controllers');
  if (controllers !== '') {
    const missing = ['cpu', 'memory', 'pids'].filter(
      (name) => !controllers.split(/\s+/).includes(name),
    );
    if (missing.length === 0) return ok('cgroups', 'version 2, with cpu, memory and pids');
    return warn(
      'cgroups',
      `version 2 without ${missing.join(', ')}: containers cannot be limited by it`,
      'Enable the controller in the kernel, or for this slice.',
    );
  }
  if (existsSync('/sys/fs/cgroup/memory')) return ok('cgroups', 'version 1, with memory');
  return warn(
    'cgroups',
    'no memory controller was found: containers cannot be limited by memory',
    'Mount /sys/fs/cgroup, or boot with cgroup_enable=memory.',
  );
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
