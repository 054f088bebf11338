import type { z } from 'zod';
import type { HealthCheck } from './health-check.ts';
import type { Port } from './port.ts';

/** What the rules look at; the schema's own type would be circular here. */
interface SpecToCheck {
  readonly runtime?: string | undefined;
  readonly image?: string | undefined;
  readonly command?: string | undefined;
  readonly ports: readonly Port[];
  readonly volumes: readonly { readonly target: string }[];
  readonly binds: readonly { readonly target: string }[];
  readonly health?: HealthCheck | undefined;
}

type Refuse = (path: (string | number)[], message: string) => void;

/** The rules between fields; each names the field to change. */
export function checkSpec(spec: SpecToCheck, context: z.core.$RefinementCtx): void {
  const refuse: Refuse = (path, message) => {
    context.addIssue({ code: 'custom', path, message });
  };
  checkRuntime(spec, refuse);
  checkPorts(spec, refuse);
  checkMounts(spec, refuse);
  checkHealthPort(spec, refuse);
}

function checkRuntime(spec: SpecToCheck, refuse: Refuse): void {
  if (spec.image === undefined && spec.command === undefined) {
    refuse([], '"image" for a container or "command" for a process');
  }
  if (spec.runtime === 'process' && spec.image !== undefined) {
    refuse(['image'], 'no image, since runtime is process; leave out one of the two');
  }
  if (spec.runtime === 'docker' && spec.image === undefined) {
    refuse(['image'], 'an image, since runtime is docker');
  }
  if (spec.command !== undefined && isCommandLine(spec.command, spec.image !== undefined)) {
    refuse(['command'], 'the program alone; put what follows it into "args", one string each');
  }
}

/**
 * Whether a command looks like a whole line. The path of a program in an image may have spaces; one
 * that no path leads to, or that has options behind it, is hardly meant as one.
 */
function isCommandLine(command: string, isContainer: boolean): boolean {
  if (!/\s/.test(command.trim())) return false;
  return !isContainer || !command.startsWith('/') || /\s-/.test(command);
}

function checkPorts(spec: SpecToCheck, refuse: Refuse): void {
  const isProcess = spec.image === undefined;
  const seen = new Map<string, number>();
  spec.ports.forEach((port, index) => {
    if (isProcess && port.host !== undefined && port.host !== port.container) {
      refuse(
        ['ports', index, 'host'],
        `${port.container}, since a process listens on the node itself`,
      );
    }
    const host = port.host ?? (isProcess ? port.container : undefined);
    if (host === undefined) return;
    const key = `${port.protocol}/${host}`;
    const other = seen.get(key);
    if (other !== undefined) {
      refuse(['ports', index, 'host'], `a port of its own: ports[${other}] has ${key} already`);
    }
    seen.set(key, index);
  });
}

function checkMounts(spec: SpecToCheck, refuse: Refuse): void {
  const isProcess = spec.image === undefined;
  if (isProcess && spec.volumes.length > 0) refuse(['volumes'], 'none: a process has no volumes');
  if (isProcess && spec.binds.length > 0) {
    refuse(['binds'], 'none: a process sees the files of its node as they are');
  }
  const targets = new Set<string>();
  const check = (field: string) => (mount: { readonly target: string }, index: number) => {
    if (targets.has(mount.target)) {
      refuse([field, index, 'target'], 'a target of its own: another mount has it already');
    }
    targets.add(mount.target);
  };
  spec.volumes.forEach(check('volumes'));
  spec.binds.forEach(check('binds'));
}

function checkHealthPort(spec: SpecToCheck, refuse: Refuse): void {
  const kind = spec.health?.http !== undefined ? 'http' : 'tcp';
  const port = spec.health?.http?.port ?? spec.health?.tcp?.port;
  if (port === undefined) return;
  if (spec.ports.some((one) => one.container === port && one.protocol === 'tcp')) return;
  refuse(['health', kind, 'port'], 'the container port of one of "ports", with protocol tcp');
}
