import { hostname } from 'node:os';
import type { DaemonSettings } from '../config/daemon-settings.ts';
import type { Environment } from '../config/environment.ts';
import { isLoopbackHost, isWildcardHost, toBaseUrl } from '../config/host.ts';
import type { NodeFacts } from '../node/node.ts';
import { formatBytes } from '../task/quantity.ts';
import { countOf, toPlainText } from './plain-text.ts';
import { commandName } from './typed-command.ts';

/** A name and what is to be said of it; several lines where there are several things. */
export type GreetingLine = readonly [title: string, ...texts: string[]];

/** What a daemon says once it serves. */
export function formatGreeting(headline: string, lines: readonly GreetingLine[]): string {
  const width = Math.max(...lines.map(([title]) => title.length)) + 2;
  const body = lines.flatMap(([title, ...texts]) =>
    texts.map((text, index) => `  ${(index === 0 ? title : '').padEnd(width)}${toPlainText(text)}`),
  );
  return `${[headline, '', ...body].join('\n')}\n`;
}

/** Who can reach what listens there. */
export function describeReach(url: string, settings: DaemonSettings): string {
  if (isLoopbackHost(settings.host)) return `${url}  (this machine only)`;
  return `${url}  (whoever reaches ${settings.host} and has the token)`;
}

/** Where a browser shows what a manager has. */
export function describeDashboard(url: string | undefined): readonly GreetingLine[] {
  return url === undefined ? [] : [['Dashboard', `${url}  (in a browser)`]];
}

export function describeStore(settings: DaemonSettings): string {
  return settings.store === 'memory'
    ? 'memory: all is forgotten when Cube ends'
    : 'persistent: on the disk before it is answered';
}

export function describeWorker(facts: NodeFacts): string {
  const { cpu, memory, disk } = facts.capacity;
  const size = `${countOf(cpu, 'core')}, ${formatBytes(memory)} memory, ${formatBytes(disk)} disk`;
  return `${facts.name} at ${facts.address}: ${size}`;
}

/** Every runtime, and why one is not there. */
export function describeRuntimes(facts: NodeFacts): string[] {
  const usable = facts.runtimes.filter(({ available }) => available);
  const lines = facts.runtimes.map(({ name, available, version, reason }) =>
    available
      ? `${name}: ${version ?? 'available'}`
      : `${name}: not available. ${reason ?? 'No reason is known.'}`,
  );
  const [only] = usable;
  if (usable.length === 1 && only?.name === 'process') {
    lines.push('So containers cannot run here for now; plain processes can.');
  }
  return lines.length === 0 ? ['none'] : lines;
}

/** How a worker of this manager is started, from wherever the manager can be reached. */
export function joinCommand(
  environment: Environment,
  settings: DaemonSettings,
  listening: { readonly url: string; readonly port: number },
): string {
  const { host, token } = settings;
  const cube = commandName(environment);
  if (isLoopbackHost(host)) return `${cube} worker --manager ${listening.url}`;
  const url = toBaseUrl(isWildcardHost(host) ? hostname() : host, listening.port);
  const guard = token === undefined ? '' : ' --token-file FILE';
  return `${cube} worker --manager ${url} --host 0.0.0.0${guard}`;
}
