import type {
  SimulatedBehaviour,
  SimulatedSubject,
} from '../../runtime/simulated/simulated-behaviour.ts';
import type { TaskSpecInput } from '../../task/task-spec.ts';
import type { Dice } from '../dice.ts';
import { SECRET } from '../invariants/secret-watch.ts';
import type { Mix } from '../mix.ts';

/** A server runs for ever, a job ends with 0, a crasher ends with 1 while there is trouble. */
const kinds = ['server', 'server', 'job', 'crasher'] as const;

/** The spec of one more task. */
export function drawSpec(dice: Dice, mix: Mix): TaskSpecInput {
  const kind = dice.pick(kinds);
  const port = dice.between(8000, 8003);
  const ports = dice.chance(0.3) ? [{ container: port, host: port }] : [];
  return {
    name: kind,
    ...(dice.chance(0.5) ? { image: 'app' } : { command: 'app' }),
    ...(dice.chance(0.7) ? { cpu: dice.pick([0.1, 0.5, 2]) } : {}),
    ...(dice.chance(0.5) ? { memory: dice.pick(['64MiB', '1GiB']) } : {}),
    ports,
    env: { TOKEN: { secret: SECRET } },
    restart: drawRestart(dice, kind),
    onNodeLost: dice.pick(['replace', 'wait']),
    ...(dice.chance(0.2)
      ? { constraints: [`node.name == n${dice.between(1, mix.nodeCount)}`] }
      : dice.chance(0.1)
        ? { constraints: ['zone != b'] }
        : {}),
    priority: dice.pick([50, 50, 90]),
    stopTimeout: '2s',
    ...(dice.chance(0.2)
      ? { health: { command: ['check'], interval: '2s', timeout: '1s', retries: 2 } }
      : {}),
  };
}

function drawRestart(dice: Dice, kind: (typeof kinds)[number]): TaskSpecInput['restart'] {
  const quick = { delay: '1s', delayMax: '20s' } as const;
  // A job that is always restarted would never come to rest.
  const policy = kind === 'job' ? 'on-failure' : dice.pick(['on-failure', 'always'] as const);
  return dice.pick([
    'never' as const,
    { policy, ...quick },
    { policy, ...quick },
    { policy, ...quick, attempts: 3, window: '30s' },
  ]);
}

/** How an instance behaves: as its name says, and badly while there is trouble. */
export function drawBehaviour(
  subject: SimulatedSubject,
  context: { readonly dice: Dice; readonly mix: Mix; readonly isTrouble: () => boolean },
): SimulatedBehaviour {
  const { dice, mix } = context;
  const isTrouble = context.isTrouble();
  const { name } = subject.spec;
  const afterMs = dice.between(0, isTrouble ? 60_000 : 5000);
  const exit = name === 'job' ? { exit: { afterMs, code: 0 } } : {};
  if (!isTrouble) return exit;
  const { slow, fail, unheard } = mix.starts;
  const code = dice.pick(['image-missing', 'runtime-failed', 'port-taken'] as const);
  return {
    ...exit,
    ...(name === 'crasher' && dice.chance(0.7) ? { exit: { afterMs, code: 1 } } : {}),
    startMs: dice.chance(slow) ? dice.between(1000, 20_000) : dice.between(0, 50),
    progress: 'pulling',
    ...(dice.chance(fail) ? { startFailure: { code, message: 'The start failed.' } } : {}),
    ...(dice.chance(unheard) ? { startReplyLost: true } : {}),
    ignoresStop: dice.chance(mix.ignoresStop),
    stopMs: dice.between(0, 1500),
    ...(dice.chance(0.2)
      ? {
          execute: () => ({
            exitCode: context.isTrouble() && dice.chance(0.5) ? 1 : 0,
            output: '',
            takesMs: 10,
          }),
        }
      : {}),
  };
}
