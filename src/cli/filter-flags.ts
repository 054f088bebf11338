import { CubeError } from '../errors/cube-error.ts';
import { quoteText } from '../errors/describe-value.ts';
import { suggest } from '../errors/suggest.ts';
import { type EventType, eventTypes } from '../event/event.ts';
import { type TaskState, taskStates } from '../task/task-state.ts';

/**
 * The values of `--state`, each one state or several with commas between.
 *
 * @param wanted The states that make sense. Default: all.
 */
export function readStates(
  texts: readonly string[] | undefined,
  wanted: readonly TaskState[] = taskStates,
): readonly TaskState[] | undefined {
  return texts?.flatMap((text) => text.split(',')).map((text) => parseState(text, wanted));
}

/** The values of `--label`, each `key=value`. */
export function readLabels(
  texts: readonly string[] | undefined,
): Readonly<Record<string, string>> | undefined {
  return texts === undefined ? undefined : Object.fromEntries(texts.map(parseLabel));
}

/** The values of `--type`, each one type or several with commas between. */
export function readTypes(texts: readonly string[] | undefined): readonly EventType[] | undefined {
  return texts
    ?.flatMap((text) => text.split(','))
    .map((text) => parseOneOf(eventTypes, text, { flag: '--type', what: 'a type of events' }));
}

function parseState(text: string, wanted: readonly TaskState[]): TaskState {
  const what = `a state of tasks${wanted === taskStates ? '' : ' that have ended'}`;
  return parseOneOf(wanted, text, { flag: '--state', what });
}

function parseOneOf<Word extends string>(
  wanted: readonly Word[],
  text: string,
  { flag, what }: { readonly flag: string; readonly what: string },
): Word {
  const word = wanted.find((one) => one === text);
  if (word !== undefined) return word;
  const meant = suggest(text, wanted);
  throw new CubeError('configuration', `${flag} ${quoteText(text)} is not ${what}.`, {
    hint: meant === undefined ? `Want one of ${wanted.join(', ')}.` : `Did you mean ${meant}?`,
  });
}

function parseLabel(text: string): readonly [string, string] {
  const place = text.indexOf('=');
  if (place > 0) return [text.slice(0, place), text.slice(place + 1)];
  throw new CubeError('configuration', `--label ${quoteText(text)} is not of the form key=value.`, {
    hint: 'For example: --label tier=front',
  });
}
