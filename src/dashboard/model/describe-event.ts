import type { EventReply } from '../../client/event-stream.ts';

type Describe = (event: EventReply) => string;

const because = ({ reason }: EventReply): string => (reason === undefined ? '' : reason.message);

/** One sentence or less for each type of event that has more to say than its name. */
const describers: Readonly<Record<string, Describe>> = {
  'task-submitted': () => 'Accepted.',
  'task-waiting': (event) => because(event) || 'Waits for a node.',
  'task-scheduled': (event) => {
    const place = `Placed on ${event.node ?? 'a node'}`;
    return event.attempt === undefined ? `${place}.` : `${place}, attempt ${event.attempt}.`;
  },
  'task-progressed': ({ status }) => status?.progress ?? 'Goes on.',
  'task-started': ({ node }) => (node === undefined ? 'Runs.' : `Runs on ${node}.`),
  'task-health-changed': ({ status }) => `Health: ${status?.health ?? 'not known'}.`,
  'task-stop-requested': ({ actor }) => `To be stopped, says the ${actor}.`,
  'task-restart-requested': (event) => because(event) || 'To be started anew.',
  'task-displaced': (event) => ended('Made way for the next attempt', event),
  'task-completed': (event) => ended('Completed', event),
  'task-failed': (event) => ended('Failed', event),
  'task-pruned': () => 'Removed: it was kept for as long as was asked.',
  'node-joined': () => 'Joined the cluster.',
  'node-changed': ({ facts }) => `Changed: ${Object.keys(facts ?? {}).join(', ') || 'nothing'}.`,
  'node-drain-requested': ({ actor }) => `To be drained, says the ${actor}.`,
  'node-drain-ended': ({ actor }) => `Takes tasks again, says the ${actor}.`,
  'node-labelled': ({ facts }) => `Labels: ${labelsOf(facts)}.`,
  'node-observed': () => 'Its use was measured.',
  'node-came-up': () => 'Is up.',
  'node-became-unreachable': (event) => because(event) || 'Missed a heartbeat.',
  'node-went-down': (event) => because(event) || 'Is down.',
  'manager-started': ({ epoch }) => `The manager began reign ${epoch ?? '?'}.`,
  'events-pruned': ({ floor }) => `Events up to revision ${floor ?? '?'} were removed.`,
};

/** What happened, for people. Foreign text may be in it. */
export function describeEvent(event: EventReply): string {
  const describe = describers[event.type] ?? because;
  return describe(event);
}

function ended(word: string, event: EventReply): string {
  const { exitCode, restartDelayMs } = event.status ?? {};
  const code = exitCode === undefined || exitCode === null ? '' : ` with exit code ${exitCode}`;
  const why = because(event);
  const again =
    typeof restartDelayMs === 'number'
      ? ` Starts again after ${Math.round(restartDelayMs / 100) / 10} s.`
      : '';
  return `${word}${code}${why === '' ? '.' : `: ${why}`}${again}`;
}

function labelsOf(facts: EventReply['facts']): string {
  const labels = facts?.['labels'];
  if (typeof labels !== 'object' || labels === null) return 'changed';
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(', ');
}
