import { CubeError } from '../errors/cube-error.ts';
import { quoteText } from '../errors/describe-value.ts';
import { type CubeVariable, type Environment, findVariable } from './environment.ts';

/** One thing that can be configured: by its flag, else by its variable, else by its default. */
export interface Setting<Value> {
  /** With its dashes: `--port`. */
  readonly flag: string;
  readonly variable?: CubeVariable;
  /** What is wanted, in words. */
  readonly want: string;
  readonly example: string;
  /** @returns undefined when `text` is not such a value. */
  readonly parse: (text: string) => Value | undefined;
}

/**
 * The value of a setting, or undefined where neither flag nor variable gives one.
 *
 * @throws CubeError `configuration`, naming the flag or the variable.
 */
export function findSetting<Value>(
  setting: Setting<Value>,
  flagValue: string | undefined,
  environment: Environment,
): Value | undefined {
  if (flagValue !== undefined) return parseSetting(setting, flagValue, setting.flag);
  if (setting.variable === undefined) return undefined;
  const text = findVariable(environment, setting.variable);
  return text === undefined ? undefined : parseSetting(setting, text, setting.variable);
}

/** @param source names where `text` comes from, for the message. */
export function parseSetting<Value>(setting: Setting<Value>, text: string, source: string): Value {
  const value = setting.parse(text);
  if (value !== undefined) return value;
  const { want, example } = setting;
  throw new CubeError('configuration', `${source} is ${quoteText(text)}; want ${want}.`, {
    issues: [{ field: source, got: quoteText(text), want, example }],
    hint: source.startsWith('-')
      ? `For example: ${source} ${example}`
      : `For example: ${source}=${example}`,
  });
}
