import type { CubeClient } from '../../client/cube-client.ts';
import { isCubeError } from '../../errors/cube-error.ts';
import type { NodeReply } from '../../link/replies.ts';
import { formatSpan } from '../age.ts';
import type { CliIo } from '../cli-io.ts';
import { describeSkew } from '../describe-skew.ts';
import { describeRecords } from './check-data-file.ts';
import { type Finding, fail, failed, ok, warn } from './finding.ts';

/** Clocks closer than this count as one, in milliseconds; the header tells whole seconds. */
const SKEW_MS_MAX = 5000;

/**
 * What a manager is asked about itself, its data and its nodes; undefined where none answers.
 *
 * @param hasty Gives up soon: a manager that hangs is to be found out, not waited for.
 */
export async function checkManager(
  io: CliIo,
  { client, hasty }: { readonly client: CubeClient; readonly hasty: CubeClient },
): Promise<readonly Finding[] | undefined> {
  let status: Awaited<ReturnType<CubeClient['status']>>;
  try {
    status = await hasty.status();
  } catch (error) {
    // Whatever refuses a connection says why; who takes one and is silent does not.
    const isSilent = isCubeError(error, 'unreachable') && error.cause === undefined;
    if (isSilent) {
      const remedy =
        'If it runs there, it hangs: look at its log, end it and start it again. Tasks run on meanwhile.';
      return [fail('manager', error.message, remedy)];
    }
    if (isCubeError(error, 'unreachable')) return undefined;
    return [failed('manager', error, 'Look at --manager and --token-file.')];
  }
  const where = `Cube ${status.version} at ${client.url}, epoch ${status.epoch}`;
  const nodes = await client.nodes();
  return [
    status.healthy
      ? ok('manager', where)
      : fail('manager', `${where}: ${status.problem ?? 'it is not healthy'}`, 'See its log.'),
    await checkClock(io, client),
    ...(status.store === 'persistent' ? [await checkData(client)] : []),
    ...nodes.flatMap((node) => checkNode(node, io.clock.now())),
    ...(nodes.length === 0
      ? [warn('nodes', 'no worker has joined', `Start one: cube worker --manager ${client.url}`)]
      : []),
  ];
}

/** The clock of this machine beside the manager's. */
async function checkClock(io: CliIo, client: CubeClient): Promise<Finding> {
  const response = await io.fetch(`${client.url}/healthz`, { headers: { 'cube-role': 'manager' } });
  await response.body?.cancel();
  const theirs = Date.parse(response.headers.get('date') ?? '');
  if (Number.isNaN(theirs)) return ok('clock', 'the manager does not tell its time');
  const skewMs = theirs - io.clock.now();
  if (Math.abs(skewMs) <= SKEW_MS_MAX) return ok('clock', 'as the manager’s, within seconds');
  return warn(
    'clock',
    `the manager's is ${describeSkew(skewMs)} of this machine's: ages look wrong here`,
    'Nothing is decided by it. Run a time service, such as chrony, on both.',
  );
}

async function checkData(client: CubeClient): Promise<Finding> {
  try {
    return ok('data file', `of the manager: ${describeRecords(await client.verify())}`);
  } catch (error) {
    return isCubeError(error, 'too-many-requests')
      ? ok('data file', 'a backup is taken right now, which reads all of it')
      : failed('data file', error, 'Restore a backup with "cube restore".');
  }
}

function checkNode(node: NodeReply, now: number): readonly Finding[] {
  const check = `node ${node.name}`;
  const findings: Finding[] = [];
  if (node.liveness !== 'up') {
    const since = formatSpan(now - Date.parse(node.livenessSince));
    const why = node.livenessReason === undefined ? '' : `: ${node.livenessReason}`;
    findings.push(
      fail(
        check,
        `${node.liveness} for ${since}${why}`,
        `Look at the worker there, and whether ${node.address} can be reached from the manager.`,
      ),
    );
  }
  if (node.clockSkewMs !== undefined) {
    const skew = describeSkew(node.clockSkewMs);
    findings.push(
      warn(
        check,
        `its clock is ${skew} of the manager's: times of its tasks look wrong`,
        'Nothing is decided by it. Run a time service, such as chrony, on both.',
      ),
    );
  }
  for (const { name, available, reason } of node.runtimes) {
    if (available) continue;
    findings.push(
      warn(
        check,
        `no ${name}: ${reason ?? 'no reason is known'}`,
        `Only needed for ${name} tasks.`,
      ),
    );
  }
  return findings.length === 0 ? [ok(check, 'up')] : findings;
}
