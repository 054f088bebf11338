import { findSetting } from '../config/setting.ts';
import { type LogLevel, logLevel, logLevels } from '../config/settings.ts';
import { type Logger, noopLogger } from '../lib/logger.ts';
import type { CliIo } from './cli-io.ts';
import { createColors } from './colors.ts';
import { toPlainJson, toPlainText } from './plain-text.ts';

/** Fields that may hold a secret are never written, whatever logs them. */
const SECRET_FIELDS = ['token', 'authorization', 'secret', 'password', 'env'];

/**
 * The log of manager and workers, on the error output. On a terminal it is quiet (warnings and
 * errors, as text), since the screen is for people; elsewhere it is JSON from `info` on, for
 * whatever collects it. A line is written before the program goes on, so that none is lost.
 *
 * @throws CubeError `configuration`, when the level is none.
 */
export async function createDaemonLogger(io: CliIo, flag: string | undefined): Promise<Logger> {
  const isText = io.stderr.isTerminal;
  const level = findSetting(logLevel, flag, io.environment) ?? (isText ? 'warn' : 'info');
  if (level === 'silent') return noopLogger;
  if (isText) return createTextLogger(io, level);
  const { pino } = await import('pino');
  const redact = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);
  // Named, because a logger of pino might have levels of any name, `then` included.
  const logger: Logger = pino(
    { level, base: null, redact, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => void io.stderr.write(toPlainJson(line)) },
  );
  return logger;
}

/** One line for each message: time, level, words, and the fields behind them. */
function createTextLogger(io: CliIo, level: LogLevel, bound: object = {}): Logger {
  const colors = createColors(io.stderr, io.environment);
  const paint = { debug: colors.dim, info: colors.cyan, warn: colors.yellow, error: colors.red };
  const log =
    (name: keyof typeof paint) =>
    (fields: object, message: string): void => {
      if (logLevels.indexOf(name) < logLevels.indexOf(level)) return;
      const time = new Date(io.clock.now()).toISOString().slice(11, 19);
      const rest = formatFields({ ...bound, ...fields });
      const line = `${time} ${paint[name](name)} ${toPlainText(message)}${colors.dim(rest)}\n`;
      void io.stderr.write(line);
    };
  return {
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    child: (fields) => createTextLogger(io, level, { ...bound, ...fields }),
  };
}

function formatFields(fields: object): string {
  return Object.entries(fields)
    .filter(([key, value]) => value !== undefined && !SECRET_FIELDS.includes(key))
    .map(([key, value]) => ` ${key}=${toPlainText(formatValue(value))}`)
    .join('');
}

function formatValue(value: unknown): string {
  if (value instanceof Error) return value.message;
  if (typeof value === 'string') return value;
  const text = JSON.stringify(value, (key, inner: unknown) =>
    SECRET_FIELDS.includes(key) ? '[hidden]' : inner,
  );
  return text ?? String(value);
}
