import type { Command } from 'commander';
import { once, repeated } from './command-context.ts';

/** The flags that say what a task is, for commands that take one from their line. */
export function addSpecOptions(command: Command): void {
  const options = [
    once('--name <name>', 'what people call it (default: from the image or command)'),
    once('--image <image>', 'run a container of this image'),
    once('--runtime <runtime>', 'docker or process (default: docker with --image)'),
    once('--pull <when>', 'always, if-missing or never'),
    repeated('--arg <argument>', 'an argument for the image’s own entry point'),
    repeated('-p, --port <ports>', 'publish a port: [address:][host:]container[/udp]'),
    once('--cpu <cores>', 'cores reserved, such as 0.5'),
    once('--memory <size>', 'memory reserved, such as 256MiB'),
    once('--disk <size>', 'disk reserved, such as 1GiB'),
    repeated('-e, --env <key=value>', 'an environment variable'),
    repeated('--secret-env <key>', 'a variable of yours, handed on and never shown'),
    repeated('-v, --volume <name:target>', 'a named volume, with :ro behind it for read-only'),
    repeated('--bind <source:target>', 'a folder of the node, below a root that it allows'),
    repeated('-l, --label <key=value>', 'a label'),
    once('--restart <policy>', 'never, on-failure (default) or always'),
    once('--health-http <port/path>', 'healthy when this answers, such as 80/healthz'),
    once('--health-tcp <port>', 'healthy when this port takes connections'),
    once('--health-command <command>', 'healthy when this shell command ends with 0'),
    repeated('--constraint <demand>', 'what a node must have, such as "zone == eu"'),
    once('--stop-signal <signal>', 'the signal that asks it to end (default SIGTERM)'),
    once('--stop-timeout <duration>', 'how long it may take to end (default 10s)'),
    once('--priority <number>', '0 to 100; higher goes first (default 50)'),
    once('--on-node-lost <what>', 'replace (default) or wait'),
    once('--id <uuid>', 'the id; the same id again is the same task'),
  ];
  for (const option of options) command.addOption(option);
}
