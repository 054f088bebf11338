import { type Environment, findVariable } from './environment.ts';
import { isWildcardHost, toBaseUrl } from './host.ts';
import { parseSetting, type Setting } from './setting.ts';
import { managerHost, managerPort } from './settings.ts';

export const MANAGER_PORT = 5555;
export const WORKER_PORT = 5556;
export const DEFAULT_HOST = '127.0.0.1';

/** A server's address as people write it: `http://host:port`, or `host:port` as in the reference. */
export const managerUrl: Setting<string> = {
  flag: '--manager',
  want: 'an address such as http://127.0.0.1:5555 or 127.0.0.1:5555',
  example: 'http://127.0.0.1:5555',
  parse: (text) => {
    // A lone number would be read as an address of four bytes; a port is meant.
    if (/^\d+$/.test(text)) return undefined;
    const url = URL.parse(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`);
    if (url === null || !['http:', 'https:'].includes(url.protocol)) return undefined;
    if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
      return undefined;
    }
    return url.href.replace(/\/+$/, '');
  },
};

/** Where commands find the manager: by flag, else by variables, else on this machine. */
export function resolveManagerUrl(flagValue: string | undefined, environment: Environment): string {
  if (flagValue !== undefined) return parseSetting(managerUrl, flagValue, managerUrl.flag);
  const hostText = findVariable(environment, 'CUBE_MANAGER_HOST');
  const portText = findVariable(environment, 'CUBE_MANAGER_PORT');
  const host =
    hostText === undefined
      ? DEFAULT_HOST
      : parseSetting(managerHost, hostText, 'CUBE_MANAGER_HOST');
  const port =
    portText === undefined
      ? MANAGER_PORT
      : parseSetting(managerPort, portText, 'CUBE_MANAGER_PORT');
  // Nobody can connect to "every address": on this machine, loopback is one of them.
  return toBaseUrl(isWildcardHost(host) ? DEFAULT_HOST : host, port);
}
