import { type ShimParts, toExecuteCommand } from './shim.ts';

/** Enters the control groups of the task, and opens its environment before the user is changed. */
const ENTER = `
while [ "$1" != -- ]; do echo 0 > "$1/cgroup.procs" || exit 125; shift; done
shift
exec 3< "$1" || exit 125
shift
exec "$@"
`;

/**
 * The arguments of a shell that becomes the command of a session: in the task's control groups,
 * so that it counts as a part of the task and cannot outlive it, with its environment and user.
 */
export function toSessionArguments(
  parts: Pick<ShimParts, 'changeUser' | 'command' | 'groups'> & {
    readonly environmentFile: string;
  },
): string[] {
  const { groups, environmentFile } = parts;
  const enter = ['-c', ENTER, 'cube-session', ...groups, '--', environmentFile];
  return [...enter, ...toExecuteCommand(parts)];
}
