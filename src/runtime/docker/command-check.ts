import { posix } from 'node:path';
import type { TaskSpec } from '../../task/task-spec.ts';
import type { ContainerFacts } from './container-facts.ts';
import type { DockerEngine } from './docker-engine.ts';
import { isRecord, Refusal } from './engine-error.ts';
import { commandError } from './start-failure.ts';

const DEFAULT_SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Folders looked into at most, and paths that exist only while a container runs. */
const FOLDER_COUNT_MAX = 20;
const ONLY_WHILE_RUNNING = /^\/(?:proc|sys|dev)\//;

/** Bits of a file's mode in the engine's reply, which are those of Go. */
const FOLDER_BIT = 2 ** 31;
const LINK_BIT = 2 ** 27;
const EXECUTE_BITS = 0o111;

/** What is to be known of a container that was made and does not run yet. */
export type MadeContainer = Pick<
  ContainerFacts,
  'id' | 'searchPath' | 'workingFolder' | 'plainImageId'
>;

type Found = 'missing' | 'not-executable' | 'executable' | 'unknown';

/** Programs that are known to be in their images, at most. */
const KNOWN_COUNT_MAX = 1000;

/**
 * Looks for the program of a spec in the container that was made for it. With an init process
 * in front, an engine starts a container whose program does not exist, and all that would be seen
 * is an end with code 127, which could mean other things as well.
 *
 * For each path the engine mounts the files of the container, so that what was found once is not
 * looked for again in other containers of the same image over which nothing is mounted.
 */
export class CommandCheck {
  readonly #engine: DockerEngine;
  readonly #known = new Set<string>();

  constructor(engine: DockerEngine) {
    this.#engine = engine;
  }

  /** @throws CubeError `runtime-failed` naming the command. Where nothing can be told, it says nothing. */
  async check(options: {
    readonly container: MadeContainer;
    readonly spec: TaskSpec;
    readonly signal: AbortSignal;
  }): Promise<void> {
    const { container, spec, signal } = options;
    if (spec.command === undefined) return;
    const candidates = candidatePaths(spec.command, container);
    if (candidates.some((path) => ONLY_WHILE_RUNNING.test(path))) return;
    const { id, plainImageId } = container;
    const place = JSON.stringify([plainImageId, candidates]);
    if (this.#known.has(place)) return;
    const found = await Promise.all(
      candidates.map((path) => look(this.#engine, { id, path, signal })),
    );
    if (found.includes('executable')) {
      if (plainImageId !== undefined) this.#remember(place);
      return;
    }
    if (found.includes('unknown')) return;
    if (found.includes('not-executable')) {
      throw commandError(spec, 'is no program that can be run.');
    }
    throw commandError(spec, 'was not found.');
  }

  #remember(place: string): void {
    if (this.#known.size >= KNOWN_COUNT_MAX) this.#known.clear();
    this.#known.add(place);
  }
}

function candidatePaths(command: string, container: MadeContainer): string[] {
  if (command.includes('/')) return [posix.resolve('/', container.workingFolder, command)];
  const folders = (container.searchPath ?? DEFAULT_SEARCH_PATH).split(':');
  return folders
    .slice(0, FOLDER_COUNT_MAX)
    .map((folder) => posix.resolve('/', container.workingFolder, folder, command));
}

async function look(
  engine: DockerEngine,
  {
    id,
    path,
    signal,
  }: { readonly id: string; readonly path: string; readonly signal: AbortSignal },
): Promise<Found> {
  const reply = await engine.open({
    what: `look for ${path} in a container`,
    signal,
    run: (docker, abortSignal) => docker.getContainer(id).infoArchive({ path, abortSignal }),
  });
  if (reply instanceof Refusal) return reply.status === 404 ? 'missing' : 'unknown';
  reply.destroy();
  const mode = modeIn(reply);
  if (mode === undefined) return 'unknown';
  if ((mode & LINK_BIT) !== 0) return 'executable';
  const isFolder = Math.floor(mode / FOLDER_BIT) % 2 === 1;
  return !isFolder && (mode & EXECUTE_BITS) !== 0 ? 'executable' : 'not-executable';
}

function modeIn(reply: object): number | undefined {
  const headers = 'headers' in reply && isRecord(reply.headers) ? reply.headers : {};
  const text = headers['x-docker-container-path-stat'];
  if (typeof text !== 'string') return undefined;
  try {
    const facts: unknown = JSON.parse(Buffer.from(text, 'base64').toString('utf8'));
    return isRecord(facts) && typeof facts['mode'] === 'number' ? facts['mode'] : undefined;
  } catch {
    return undefined;
  }
}
