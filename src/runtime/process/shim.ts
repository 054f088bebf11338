/**
 * The shim: a few lines of POSIX shell between Cube and the task's program, so that the exit code
 * is known although the worker was killed meanwhile. It runs in a session of its own, as Cube's
 * user, and lives exactly as long as the program. It starts no other programs, since each costs
 * milliseconds.
 *
 * - It claims the instance first; of two shims started for one instance the second one leaves.
 * - Shim and program write their own line of `/proc/PID/stat` (pid and start time) before anything
 *   else, so that no crash of the worker falls between a start and its record.
 * - The program runs in the shim's foreground: in the background a shell would start it with
 *   SIGINT and SIGQUIT ignored.
 * - The shim handles signals by doing nothing; ignored ones would be inherited by the program.
 * - The exit file exists before and is overwritten in place, so that a full disk does not cost the
 *   exit code.
 * - The program gets its environment from a file: values never stand in arguments that others can
 *   read, and nothing in it (LD_PRELOAD) reaches the shim or what changes the user.
 * - The file is opened before the user is changed, and read after it through the descriptor: the
 *   task's user needs no way through the directories above it.
 * - What fails on the way to the program leaves its code in a file.
 */
const SHIM = `
umask 077
cube_directory=$1 cube_exit_file=$2 cube_failed_file=$3 cube_shims=$4; shift 4
set -C
{ true > "$cube_directory/claim"; } 2>/dev/null || exit 0
set +C
trap : TERM INT HUP QUIT USR1 USR2 WINCH
read -r cube_stat < /proc/$$/stat || exit 0
printf '%s\\n' "$cube_stat" > "$cube_directory/shim" || exit 0
if [ -n "$cube_shims" ]; then echo 0 > "$cube_shims/cgroup.procs"; fi 2>/dev/null
exec 4>&2 2>/dev/null
(
  exec 2>&4 4>&-
  trap 'echo "$?" > "$cube_failed_file"' EXIT
  while [ "$1" != -- ]; do echo 0 > "$1/cgroup.procs" || exit 125; shift; done
  shift
  exec 3< "$cube_directory/environment" || exit 125
  read -r cube_stat < /proc/self/stat || exit 125
  printf '%s\\n' "$cube_stat" > "$cube_directory/program" || exit 125
  exec "$@"
)
cube_code=$?
printf '%-4s\\n' "$cube_code" 1<> "$cube_exit_file"
`;

/**
 * Goes on as the task's user: takes the environment and becomes the program. Only bash must be told
 * that there is something to do after a program that cannot be executed.
 */
const STAGE = `
cube_failed_file=$1; shift
trap 'echo "$?" > "$cube_failed_file"' EXIT
if [ -n "$BASH_VERSION" ]; then shopt -s execfail; fi
umask 022
. /proc/self/fd/3
exec 3<&-
exec "$@"
exit
`;

/** For a command beside the task: the same environment, without a trace. */
const EXECUTE = `
umask 022
. /proc/self/fd/3
exec 3<&-
if ! command -v "$1" >/dev/null 2>&1 && [ ! -e "$1" ]; then
  echo "cube: $1: there is no such program" >&2
  exit 127
fi
exec "$@"
`;

/** An argument of the shim and of all that becomes the task's program, but not of the program. */
export const SHIM_MARK = 'cube-shim';

/** Where the shell is on every system that has one. */
export const SHELL = '/bin/sh';

export interface ShimParts {
  readonly directory: string;
  readonly exitFile: string;
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
  const { directory, exitFile, failedFile, shimGroup, groups, changeUser, command } = parts;
  const shim = ['-c', SHIM, SHIM_MARK, directory, exitFile, failedFile, shimGroup];
  const stage = [...changeUser, SHELL, '-c', STAGE, SHIM_MARK, failedFile];
  return [...shim, ...groups, '--', ...stage, ...command];
}

/**
 * Program and arguments that run a command in the task's environment, whose file is open as
 * descriptor 3.
 */
export function toExecuteCommand(
  parts: Pick<ShimParts, 'changeUser' | 'command'>,
): readonly [string, ...string[]] {
  const shell = ['-c', EXECUTE, 'cube-execute', ...parts.command];
  const [first, ...rest] = parts.changeUser;
  return first === undefined ? [SHELL, ...shell] : [first, ...rest, SHELL, ...shell];
}

/** The environment as lines that a POSIX shell reads, whatever the values hold. */
export function toEnvironmentScript(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'\n`)
    .join('');
}
