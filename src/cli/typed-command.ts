import type { Environment } from '../config/environment.ts';

/** The command as it can be typed: in a checkout that npm runs, `cube` is not on the path. */
export function commandName(environment: Environment): string {
  return environment['npm_lifecycle_event'] === undefined ? 'cube' : 'npx cube';
}

/** Command lines of Cube within a text, such as `"cube status"` or `Next: cube stop 1a2b3c4d`. */
const COMMANDS =
  /(?<![\w-])(?<!npx )cube (?=(?:up|manager|worker|run|plan|stop|restart|status|node|inspect|logs|exec|top|events|diff|explain|prune|backup|restore|doctor|completion|simulate|help|COMMAND|--help)(?!\w))/g;

/** A text of Cube's own with the command lines in it as they can be typed. */
export function asTyped(environment: Environment, text: string): string {
  return text.replace(COMMANDS, `${commandName(environment)} `);
}
