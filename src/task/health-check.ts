import { z } from 'zod';
import { durationField, durationMs, safeString } from './spec-fields.ts';

const PORT_WANTED = 'a port of the task, a whole number from 1 to 65535';
const PATH_WANTED = 'a path beginning with "/" of printable characters without spaces';

const port = z.int(PORT_WANTED).min(1, PORT_WANTED).max(65_535, PORT_WANTED);

/**
 * How a worker tells whether a running task works. A check reaches only the task itself: a path
 * and a port of its own, never a URL.
 */
export const healthCheckSchema = z
  .strictObject({
    http: z
      .strictObject({
        port,
        path: z
          .string(PATH_WANTED)
          .max(1024, PATH_WANTED)
          .regex(/^\/[!-~]*$/, PATH_WANTED)
          .refine((path) => !path.startsWith('//'), PATH_WANTED)
          .default('/'),
      })
      .optional()
      .describe('Healthy when it answers with a status from 200 to 399.'),
    tcp: z.strictObject({ port }).optional().describe('Healthy when it takes a connection.'),
    command: z
      .array(safeString(4096), 'a list of strings: the program, then its arguments')
      .min(1, 'at least the program')
      .max(100, 'at most 100 strings')
      .optional()
      .describe('Healthy when it ends with 0; run inside the container, or beside the process.'),
    interval: durationField({ minMs: 100, maxMs: 3_600_000 }).default('10s'),
    timeout: durationField({ minMs: 50, maxMs: 600_000 }).default('3s'),
    retries: z
      .int('a whole number from 1 to 100')
      .min(1, 'a whole number from 1 to 100')
      .max(100, 'a whole number from 1 to 100')
      .default(3)
      .describe('Failures in a row that make the task unhealthy.'),
    startPeriod: durationField({ minMs: 0, maxMs: 3_600_000 })
      .default('0s')
      .describe('Failures do not count for this long after the start.'),
  })
  .superRefine((check, context) => {
    const kinds = [check.http, check.tcp, check.command].filter((kind) => kind !== undefined);
    if (kinds.length !== 1) {
      context.addIssue({ code: 'custom', message: 'exactly one of http, tcp and command' });
    }
    if (durationMs(check.timeout) >= durationMs(check.interval)) {
      context.addIssue({
        code: 'custom',
        path: ['timeout'],
        message: `less than interval, which is ${check.interval}`,
      });
    }
  })
  .meta({ id: 'HealthCheck' });

export type HealthCheck = Readonly<z.output<typeof healthCheckSchema>>;
