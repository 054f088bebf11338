import { execFileSync } from 'node:child_process';

/** A network of its own, joined to the machine's by one cable, which can be cut either way. */
export interface Namespace extends Disposable {
  readonly name: string;
  /** Its own address, and that of the machine at the other end of the cable. */
  readonly address: string;
  readonly hostAddress: string;
  /** Words before a command that is to run in it. */
  readonly prefix: readonly string[];
  /** Loses what comes in, goes out, or both; a share of it from 0 to 1, all by default. */
  drop(direction: 'in' | 'out' | 'both', share?: number): void;
  /** Nothing is lost any more. */
  heal(): void;
}

let nextNumber = 0;

/** Makes one; needs root, iproute2 and iptables. Its rules are its own, not the machine's. */
export function openNamespace(): Namespace {
  nextNumber += 1;
  // One process runs one test file, so its number keeps names and addresses apart.
  const key = (process.pid * 8 + nextNumber) % 16_384;
  const name = `cube-t${key}`;
  const subnet = `10.21${3 + (key >> 12)}.${(key >> 4) & 255}`;
  const base = (key & 15) * 16;
  const [hostAddress, address] = [`${subnet}.${base + 1}`, `${subnet}.${base + 2}`];
  const cable = `cube${key}`;
  ip('netns', 'add', name);
  try {
    ip('link', 'add', cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    ip('address', 'add', `${hostAddress}/28`, 'dev', cable);
    ip('link', 'set', cable, 'up');
    ip('-n', name, 'address', 'add', `${address}/28`, 'dev', 'eth0');
    ip('-n', name, 'link', 'set', 'lo', 'up');
    ip('-n', name, 'link', 'set', 'eth0', 'up');
  } catch (error) {
    ip('netns', 'delete', name);
    throw error;
  }
  const prefix = ['ip', 'netns', 'exec', name];
  const iptables = (...args: string[]) => run([...prefix, 'iptables', ...args]);
  return {
    name,
    address,
    hostAddress,
    prefix,
    drop(direction, share = 1) {
      const some =
        share < 1 ? ['-m', 'statistic', '--mode', 'random', '--probability', `${share}`] : [];
      if (direction !== 'out') iptables('-A', 'INPUT', '-i', 'eth0', ...some, '-j', 'DROP');
      if (direction !== 'in') iptables('-A', 'OUTPUT', '-o', 'eth0', ...some, '-j', 'DROP');
    },
    heal: () => iptables('-F'),
    [Symbol.dispose]: () => ip('netns', 'delete', name),
  };
}

function ip(...args: string[]): void {
  run(['ip', ...args]);
}

function run([file = '', ...args]: readonly string[]): void {
  execFileSync(file, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
