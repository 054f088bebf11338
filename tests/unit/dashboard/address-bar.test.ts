import { describe, expect, it } from 'vitest';
import {
  createAddressBar,
  formatAddress,
  parseAddress,
} from '../../../src/dashboard/model/address-bar.ts';

/** As much of a browser's window as the address bar uses. */
function fakeWindow(hash: string) {
  const entries = [hash];
  const location = { hash };
  const go = (how: 'push' | 'replace') => (_: unknown, __: string, url: string) => {
    if (how === 'replace') entries.pop();
    entries.push(url);
    location.hash = url;
  };
  const window = {
    location,
    history: { pushState: go('push'), replaceState: go('replace') },
    addEventListener: () => undefined,
  };
  return { window: window as unknown as Window, entries };
}

describe('an address', () => {
  it.each([
    ['', [], ''],
    ['#/', [], ''],
    ['#/tasks/a%2Fb?q=x%20y&state=failed', ['tasks', 'a/b'], 'q=x+y&state=failed'],
    ['#/tasks/%zz?q=a?b', ['tasks', '%zz'], 'q=a%3Fb'],
  ])('%j is read', (hash, path, query) => {
    const address = parseAddress(hash);
    expect(address.path).toEqual(path);
    expect(address.query.toString()).toBe(query);
  });

  it('is read as it was written', () => {
    const hash = formatAddress(['nodes', 'a b/ü'], new URLSearchParams({ q: '#?&' }));
    expect(parseAddress(hash)).toEqual({
      path: ['nodes', 'a b/ü'],
      query: new URLSearchParams({ q: '#?&' }),
    });
  });

  it('of another page keeps the moment that is looked at, and nothing else', () => {
    const { window } = fakeWindow('#/tasks?q=web&at=77');
    expect(createAddressBar(window).href(['nodes', 'n'])).toBe('#/nodes/n?at=77');
  });

  it('is changed in place, and in the history where it is worth an entry', () => {
    const { window, entries } = fakeWindow('#/tasks?q=web');
    const bar = createAddressBar(window);
    bar.update({ q: undefined, state: 'failed' });
    bar.update({ at: '5' }, { keep: true });
    expect(entries).toEqual(['#/tasks?state=failed', '#/tasks?state=failed&at=5']);
    expect(bar.address.value.query.get('at')).toBe('5');
  });
});
