import type { TaskSpec, TaskSpecInput } from '../../src/task/task-spec.ts';

/** What the conformance suite asks to be run, apart from how a runtime is told to run it. */
export type Workload =
  /** Prints "ready", then runs until SIGTERM, on which it ends with code 3. */
  | { readonly kind: 'sleeper' }
  /** Prints "ready", then runs for ever, whatever signal asks it to end. */
  | { readonly kind: 'stubborn' }
  /** Ends with the code, at once or after a while. */
  | { readonly kind: 'exits'; readonly code: number; readonly afterMs?: number }
  /** Prints the lines in order, a moment apart, then ends with the code. */
  | { readonly kind: 'prints'; readonly lines: readonly PrintedLine[]; readonly code: number }
  /** Prints "tick 0", "tick 1", … every 50 ms for ever. */
  | { readonly kind: 'chatter' }
  /** Prints the bytes 'a' FF FE 'b' without a newline, then ends with 0. */
  | { readonly kind: 'invalid-utf8' }
  /** Prints one line of so many 'x', then the line "after", then ends with 0. */
  | { readonly kind: 'long-line'; readonly length: number }
  /** Prints its environment, then ends with 0. */
  | { readonly kind: 'environment' }
  /** Takes more memory than `memory`, which the spec limits it to. */
  | { readonly kind: 'memory-hog'; readonly memory: number }
  /** A program that does not exist. */
  | { readonly kind: 'missing-program' };

interface PrintedLine {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/** A command run beside or inside an instance by `execute`. */
export type ExecuteWorkload =
  | { readonly kind: 'says'; readonly text: string; readonly code: number }
  | { readonly kind: 'says-much'; readonly length: number }
  | { readonly kind: 'hangs' };

export type SpecOverrides = Partial<Pick<TaskSpecInput, 'name' | 'labels' | 'env' | 'ports'>>;

export type MakeSpec = (workload: Workload, overrides?: SpecOverrides) => TaskSpec;

/**
 * The workload as a script for a POSIX shell, be it dash or that of busybox. Where a main process
 * takes the place of the shell, the script says `exec`.
 */
export function toShellScript(workload: Workload): string {
  switch (workload.kind) {
    case 'sleeper':
      return "trap 'kill $child; exit 3' TERM; sleep 3600 & child=$!; echo ready; wait $child";
    case 'stubborn':
      return "trap '' TERM INT HUP; echo ready; while :; do sleep 1; done";
    case 'exits':
      return `sleep ${(workload.afterMs ?? 0) / 1000}; exit ${workload.code}`;
    case 'prints':
      return [...workload.lines.map(toPrint), `exit ${workload.code}`].join('; sleep 0.02; ');
    case 'chatter':
      return 'i=0; while :; do echo "tick $i"; i=$((i+1)); sleep 0.05; done';
    case 'invalid-utf8':
      return "printf 'a\\377\\376b'";
    case 'long-line':
      return `head -c ${workload.length} /dev/zero | tr '\\000' x; echo; echo after`;
    case 'environment':
      return 'env';
    case 'memory-hog':
      return `exec dd if=/dev/zero of=/dev/null bs=${workload.memory * 2} count=100`;
    case 'missing-program':
      throw new Error('A program that does not exist is no script.');
  }
}

/** The command of `execute` as the arguments of a program. */
export function toShellCommand(workload: ExecuteWorkload): readonly string[] {
  return ['sh', '-c', toExecuteScript(workload)];
}

function toExecuteScript(workload: ExecuteWorkload): string {
  switch (workload.kind) {
    case 'says':
      return `${toPrint({ stream: 'stdout', text: workload.text })}; exit ${workload.code}`;
    case 'says-much':
      return `head -c ${workload.length} /dev/zero | tr '\\000' y`;
    case 'hangs':
      return 'sleep 3600';
  }
}

function toPrint(line: PrintedLine): string {
  const text = `printf '%s\\n' '${line.text.replaceAll("'", "'\\''")}'`;
  return line.stream === 'stdout' ? text : `${text} >&2`;
}
