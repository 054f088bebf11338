import { CubeError } from '../errors/cube-error.ts';
import { quoteText } from '../errors/describe-value.ts';
import { suggest } from '../errors/suggest.ts';
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

function parseState(text: string, wanted: readonly TaskState[]): TaskState {
  const state = wanted.find((one) => one === text);
  if (state !== undefined) return state;
  const meant = suggest(text, wanted);
  const what = wanted === taskStates ? 'of tasks' : 'of tasks that have ended';
  throw new CubeError('configuration', `--state ${quoteText(text)} is not a state ${what}.`, {
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
