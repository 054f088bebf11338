import type { Command } from 'commander';
import { resolveDataDir } from '../../config/daemon-settings.ts';
import type { CliIo } from '../cli-io.ts';
import { type Colors, createColors } from '../colors.ts';
import { type CommandContext, once } from '../command-context.ts';
import { checkDataDirectory } from '../doctor/check-data-directory.ts';
import { checkDataFile } from '../doctor/check-data-file.ts';
import { checkDocker } from '../doctor/check-docker.ts';
import { checkMachine } from '../doctor/check-machine.ts';
import { checkManager } from '../doctor/check-manager.ts';
import { checkPorts } from '../doctor/check-ports.ts';
import { type Finding, type FindingLevel, ok } from '../doctor/finding.ts';
import { exitCodes } from '../exit-codes.ts';
import { addManagerOptions, connect, type ManagerFlags, toJson } from '../manager-options.ts';
import { toPlainText } from '../plain-text.ts';

interface DoctorFlags extends ManagerFlags {
  readonly dataDir?: string;
}

/** Reading all data of a large cluster takes its time, in milliseconds. */
const TIMEOUT_MS = 600_000;

/** How long a manager may take to say how it is, in milliseconds. */
const STATUS_MS = 5000;

const HELP = `
Looks at Docker, the data directory and its modes, the data file to its last record, the disk, the
ports, clocks, cgroups and limits of this machine; and, where a manager answers, at its data and its
nodes. Changes nothing. The exit code is 1 when something fails.

Examples:
  cube doctor
  cube doctor --data-dir /var/lib/cube
  cube doctor --manager http://10.0.0.5:5555 --token-file cube.token --json`;

/** `cube doctor`: what is wrong, and what to do about it. */
export function defineDoctor(program: Command, context: CommandContext): void {
  const command = program
    .command('doctor')
    .description('look for what is wrong, and say what to do')
    .addOption(once('--data-dir <dir>', 'the data to look at (default: CUBE_DATA_DIR or ~/.cube)'));
  addManagerOptions(command).addHelpText('after', HELP);
  command.action(async (flags: DoctorFlags) => {
    const { io } = context;
    const dataDir = resolveDataDir(flags.dataDir, io.environment);
    const client = await connect(io, flags, { timeoutMs: TIMEOUT_MS });
    const hasty = await connect(io, flags, { timeoutMs: STATUS_MS });
    const offline = [
      ...checkMachine(),
      ...(await checkDocker(io.environment)),
      ...(await checkDataDirectory(dataDir)),
      ...(await checkDataFile(dataDir)),
      ...(await checkPorts(io)),
    ];
    // What is known by now is told before anybody is waited for.
    const width = Math.max(...offline.map(({ check }) => check.length));
    if (flags.json !== true) await io.stdout.write(toLines(io, offline, width));
    const online = (await checkManager(io, { client, hasty })) ?? [
      ok('manager', `none answers at ${client.url}`),
    ];
    const findings = [...offline, ...online];
    const isFailed = findings.some(({ level }) => level === 'fail');
    if (isFailed) context.exitCode = exitCodes.failed;
    if (flags.json === true) return io.stdout.write(toJson(findings));
    return io.stdout.write(`${toLines(io, online, width)}\n${sumOf(findings)}\n`);
  });
}

function toLines(io: CliIo, findings: readonly Finding[], width: number): string {
  const colors = createColors(io.stdout, io.environment);
  const lines = findings.map(({ check, level, message, remedy }) => {
    const head = `${paint(colors, level)}  ${check.padEnd(width)}  ${toPlainText(message)}`;
    const indent = ' '.repeat('warn'.length + width + 4);
    return remedy === undefined ? head : `${head}\n${indent}→ ${toPlainText(remedy)}`;
  });
  return lines.map((line) => `${line}\n`).join('');
}

function sumOf(findings: readonly Finding[]): string {
  const count = (wanted: FindingLevel): number =>
    findings.filter(({ level }) => level === wanted).length;
  const [fails, warns] = [count('fail'), count('warn')];
  return fails + warns === 0 ? 'All is well.' : `${fails} failed, ${warns} to look at.`;
}

function paint(colors: Colors, level: FindingLevel): string {
  const text = level.padEnd('warn'.length);
  if (level === 'ok') return colors.green(text);
  return level === 'warn' ? colors.yellow(text) : colors.red(text);
}
