/**
 * A host as URLs and sockets name it, in lower case and without brackets.
 *
 * @returns undefined when `text` is neither a host name nor an IP address.
 */
export function normalizeHost(text: string): string | undefined {
  const host = text.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (host.includes(':')) {
    return URL.canParse(`http://[${host}]/`) ? host : undefined;
  }
  const isName = /^(?!-)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){0,20}\.?$/.test(host);
  return isName && URL.canParse(`http://${host}/`) ? host : undefined;
}

/** Whether only this machine can reach what listens on `host`. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Whether `host` stands for every address of the machine. */
export function isWildcardHost(host: string): boolean {
  return host === '0.0.0.0' || /^[0:]+$/.test(host);
}

/** `http://host:port`, with brackets where the host has colons. */
export function toBaseUrl(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
