/**
 * The shim: a few lines of POSIX shell between Cube and the task's program, so that the exit code
 * is known although the worker was killed meanwhile. It runs in a session of its own, as Cube's
 * user, and lives exactly as long as the program.
 *
 * - It claims the instance first; of two shims started for one instance the second one leaves.
 * - Shim and program write their own line of `/proc/PID/stat` (pid and start time) before anything
 *   else, so that no crash of the worker falls between a start and its record.
 * - The program runs in the shim's foreground: in the background a shell would start it with
 *   SIGINT and SIGQUIT ignored.
 * - The shim handles signals by doing nothing; ignored ones would be inherited by the program.
 * - The exit file exists before and is overwritten in place, so that a full disk does not cost the
 *   exit code.
 * - The program gets its environment from a file, as its own user: values never stand in
 *   arguments that others can read, and nothing in it (LD_PRELOAD) reaches the shim.
 */
const SHIM = `
umask 077
directory=$1 exit_file=$2 group=$3 enter=$4; shift 4
mkdir "$directory/claim" 2>/dev/null || exit 0
trap : TERM INT HUP QUIT USR1 USR2 WINCH
read -r stat < /proc/$$/stat && printf '%s\\n' "$stat" > "$directory/shim" || exit 0
if [ -n "$group" ]; then echo 0 > "$group/cgroup.procs"; fi 2>/dev/null
exec 4>&2 2>/dev/null
sh -c "$enter" cube-stage "$directory" "$@" 2>&4 4>&-
code=$?
printf '%-4s\\n' "$code" 1<> "$exit_file"
`;

/** Enters the control groups, says who it is, and goes on as what is left of its arguments. */
const ENTER = `
directory=$1; shift
trap 'echo "$?" > "$directory/failed"' EXIT
while [ "$1" != -- ]; do echo 0 > "$1/cgroup.procs" || exit 125; shift; done
shift
read -r stat < /proc/$$/stat && printf '%s\\n' "$stat" > "$directory/program" || exit 125
exec "$@"
`;

/** Takes the task's environment and becomes its program. A failure leaves its code in a file. */
const STAGE = `
cube_failed_file=$1; shift
trap 'echo "$?" > "$cube_failed_file"' EXIT
umask 022
. "$1"; shift
exec "$@"
`;

/** For a command beside the task: the same environment, without a trace. */
const EXECUTE = `
umask 022
. "$1"; shift
exec "$@"
`;

/** An argument of every process between the shim and the task's program, and of nothing else. */
export const STAGE_MARK = 'cube-stage';

/** Where the shell is on every system that has one. */
export const SHELL = '/bin/sh';

export interface ShimParts {
  readonly directory: string;
  readonly exitFile: string;
  readonly environmentFile: string;
  readonly failedFile: string;
  /** The control group of shims; empty for none. */
  readonly shimGroup: string;
  /** The control groups of the program. */
  readonly groups: readonly string[];
  /** A program and arguments that change the user; empty for none. */
  readonly changeUser: readonly string[];
  readonly command: readonly string[];
}

/** The arguments of the shell that is the shim. */
export function toShimArguments(parts: ShimParts): string[] {
  const stage = ['-c', STAGE, STAGE_MARK, parts.failedFile, parts.environmentFile];
  return [
    ...['-c', SHIM, 'cube-shim', parts.directory, parts.exitFile, parts.shimGroup, ENTER],
    ...[...parts.groups, '--', ...parts.changeUser, SHELL, ...stage, ...parts.command],
  ];
}

/** Program and arguments that run a command in the task's environment. */
export function toExecuteCommand(
  parts: Pick<ShimParts, 'environmentFile' | 'changeUser' | 'command'>,
): readonly [string, ...string[]] {
  const shell = ['-c', EXECUTE, 'cube-execute', parts.environmentFile, ...parts.command];
  const [first, ...rest] = parts.changeUser;
  return first === undefined ? [SHELL, ...shell] : [first, ...rest, SHELL, ...shell];
}

/** The environment as lines that a POSIX shell reads, whatever the values hold. */
export function toEnvironmentScript(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'\n`)
    .join('');
}
