import { z } from 'zod';
import { CubeError } from '../../errors/cube-error.ts';
import type { PublishedPort } from '../../task/port.ts';
import type { Reason } from '../../task/reason.ts';
import type { ExitCode } from '../../task/task-status.ts';
import { exitedReason, killedAfterTimeoutReason, outOfMemoryReason } from '../ended-reason.ts';
import type { InstanceStatus } from '../runtime.ts';
import { type ContainerOwner, ownerOf, parseKillMark } from './container-labels.ts';

/** What Cube reads of a container. Engines differ, so all that can be missing may be. */
export interface ContainerFacts {
  readonly id: string;
  readonly owner: ContainerOwner;
  readonly name: string;
  readonly phase: InstanceStatus['phase'];
  readonly isPaused: boolean;
  readonly startedAt: string | undefined;
  readonly finishedAt: string | undefined;
  /** Set exactly when the phase is `ended`. */
  readonly exitCode: ExitCode | undefined;
  readonly isOutOfMemory: boolean;
  /** It ran when the machine went down, and its engine learned that only afterwards. */
  readonly isLostOnReboot: boolean;
  readonly memoryBytes: number | undefined;
  readonly ports: readonly PublishedPort[];
  /** Where the image's programs are looked for, and from where. */
  readonly searchPath: string | undefined;
  readonly workingFolder: string;
  /** The image that it was made from; undefined where anything is mounted over that. */
  readonly plainImageId: string | undefined;
}

/** The exit code of what SIGKILL has ended. */
const KILLED = 137;

/**
 * The engine notes a start when it hears that it worked, so what ends at once has ended before it
 * started, by so much at most.
 */
const QUICK_END_MS = 5000;

const bindingSchema = z.object({ HostIp: z.string().catch(''), HostPort: z.string().catch('') });

const inspectSchema = z.object({
  Id: z.string().min(1),
  Name: z.string().catch(''),
  Image: z.string().optional().catch(undefined),
  Mounts: z.array(z.unknown()).optional().catch(undefined),
  State: z.object({
    Status: z.string().catch(''),
    Running: z.boolean().catch(false),
    Paused: z.boolean().catch(false),
    OOMKilled: z.boolean().catch(false),
    ExitCode: z.int().optional().catch(undefined),
    StartedAt: z.string().catch(''),
    FinishedAt: z.string().catch(''),
  }),
  Config: z.object({
    Labels: z.record(z.string(), z.string()).nullish(),
    Env: z.array(z.string()).nullish().catch(undefined),
    WorkingDir: z.string().nullish().catch(undefined),
  }),
  HostConfig: z.object({ Memory: z.number().optional() }).optional().catch(undefined),
  NetworkSettings: z
    .object({ Ports: z.record(z.string(), z.array(bindingSchema).nullish()).nullish() })
    .optional()
    .catch(undefined),
});

type Inspected = z.output<typeof inspectSchema>;

/** What is known of the engine's machine. */
export interface Machine {
  /** When it was started, RFC 3339; undefined where the engine runs on another one. */
  readonly bootedAt?: string | undefined;
}

/**
 * Reads an engine's description of a container.
 *
 * @returns undefined for one that does not bear our labels.
 * @throws CubeError `runtime-unavailable` where it tells too little to know what is so: then
 *   nothing is known, which is another thing than an end.
 */
export function parseContainer(reply: unknown, machine: Machine = {}): ContainerFacts | undefined {
  const parsed = inspectSchema.safeParse(reply);
  if (!parsed.success) {
    const fields = parsed.error.issues.map((issue) => issue.path.join('.')).join(', ');
    const message = `Docker described a container in a way that cannot be read (${fields}).`;
    throw new CubeError('runtime-unavailable', message);
  }
  const { Id, Name, Image, Mounts, State, Config, HostConfig, NetworkSettings } = parsed.data;
  const owner = ownerOf(Config.Labels ?? {});
  if (owner === undefined) return undefined;
  const phase = phaseOf(State);
  const isLostOnReboot = phase === 'ended' && wasLostOnReboot(State, machine);
  const memory = HostConfig?.Memory ?? 0;
  return {
    id: Id,
    owner,
    name: Name.replace(/^\//, ''),
    phase,
    isPaused: State.Paused || State.Status === 'paused',
    startedAt: moment(State.StartedAt),
    finishedAt: phase === 'ended' ? endOf(State) : undefined,
    exitCode: phase !== 'ended' ? undefined : isLostOnReboot ? 'unknown' : exitCodeOf(State),
    isOutOfMemory: State.OOMKilled,
    isLostOnReboot,
    memoryBytes: memory > 0 ? memory : undefined,
    ports: publishedPorts(NetworkSettings?.Ports ?? {}),
    searchPath: searchPathIn(Config.Env),
    workingFolder: Config.WorkingDir || '/',
    plainImageId: Mounts?.length === 0 ? Image : undefined,
  };
}

/** The value of PATH among variables as an engine lists them. */
export function searchPathIn(
  environment: readonly string[] | null | undefined,
): string | undefined {
  return environment?.find((one) => one.startsWith('PATH='))?.slice('PATH='.length);
}

/** The facts as the port tells them. */
export function toStatus(facts: ContainerFacts): InstanceStatus {
  const { owner, startedAt, finishedAt, exitCode } = facts;
  return {
    taskId: owner.taskId,
    attempt: owner.attempt,
    cluster: owner.cluster,
    phase: facts.phase,
    runtimeId: facts.id,
    ports: facts.ports,
    ...(facts.phase === 'running' && facts.isPaused ? { isPaused: true } : {}),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
    ...(exitCode === undefined ? {} : { exitCode, reason: endReason(facts, exitCode) }),
  };
}

function endReason(facts: ContainerFacts, exitCode: ExitCode): Reason {
  if (facts.isLostOnReboot) {
    const message = 'The machine went down while it ran; its exit code was lost.';
    return { code: 'lost-on-reboot', message };
  }
  const killed = parseKillMark(facts.name);
  // A mark without a kill is of one that ended on its own at the last moment.
  if (killed !== undefined && exitCode === KILLED) return killedAfterTimeoutReason(killed);
  // The engine says so too where only a child was killed, and the main process ended by itself.
  if (facts.isOutOfMemory && exitCode === KILLED) return outOfMemoryReason(facts.memoryBytes);
  return exitedReason(exitCode);
}

function phaseOf(state: Inspected['State']): InstanceStatus['phase'] {
  switch (state.Status) {
    case 'created':
      return 'created';
    case 'running':
    case 'paused':
    case 'restarting':
      return 'running';
    case 'exited':
    case 'dead':
      return 'ended';
    case 'removing':
      return state.Running ? 'running' : 'ended';
    default:
      if (state.Running) return 'running';
      if (moment(state.FinishedAt) !== undefined) return 'ended';
      throw new CubeError(
        'runtime-unavailable',
        `Docker tells of a container in the state "${state.Status.slice(0, 40)}", which is unknown.`,
      );
  }
}

/**
 * A container that was found dead when its engine came back has a code, 0 or 255, without having
 * ended with it. It shows by the end's moment: none, or that of a run before.
 */
function exitCodeOf(state: Inspected['State']): ExitCode {
  const { ExitCode: code } = state;
  if (code === undefined || code < 0 || state.Status === 'dead') return 'unknown';
  return endOf(state) === undefined ? 'unknown' : code;
}

/**
 * An engine gives what it finds dead after a crash of the machine the code 255 and the moment at
 * which it found it. A program may end with 255 as well, but not after a boot that it did not see.
 */
function wasLostOnReboot(state: Inspected['State'], { bootedAt }: Machine): boolean {
  const startedAt = moment(state.StartedAt);
  const finishedAt = moment(state.FinishedAt);
  if (state.ExitCode !== 255 || bootedAt === undefined) return false;
  if (startedAt === undefined || finishedAt === undefined) return false;
  return startedAt < bootedAt && bootedAt <= finishedAt;
}

/** undefined where the engine does not know it. */
function endOf(state: Inspected['State']): string | undefined {
  const finishedAt = moment(state.FinishedAt);
  const startedAt = moment(state.StartedAt);
  if (finishedAt === undefined || startedAt === undefined || finishedAt >= startedAt) {
    return finishedAt;
  }
  const earlierMs = Date.parse(startedAt) - Date.parse(finishedAt);
  return earlierMs <= QUICK_END_MS ? startedAt : undefined;
}

/** RFC 3339 in UTC with milliseconds; undefined for the year 1, Docker's word for "never". */
export function moment(text: string): string | undefined {
  const time = Date.parse(text);
  if (Number.isNaN(time) || time <= 0) return undefined;
  return new Date(time).toISOString();
}

type PortReply = Readonly<
  Record<string, readonly z.output<typeof bindingSchema>[] | null | undefined>
>;

function publishedPorts(reply: PortReply): PublishedPort[] {
  const ports: PublishedPort[] = [];
  for (const [key, bindings] of Object.entries(reply)) {
    const match = /^(\d{1,5})\/(tcp|udp)$/.exec(key);
    if (match === null) continue;
    const protocol = match[2] === 'udp' ? 'udp' : 'tcp';
    for (const { HostIp, HostPort } of bindings ?? []) {
      const host = Number(HostPort);
      if (!Number.isInteger(host) || host < 1 || host > 65_535) continue;
      ports.push({ container: Number(match[1]), host, protocol, address: HostIp || '0.0.0.0' });
    }
  }
  return ports.sort((one, other) => one.container - other.container || one.host - other.host);
}
