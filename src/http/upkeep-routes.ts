import { z } from 'zod';
import { parseInput } from '../errors/input-issues.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import {
  pruneReplySchema,
  pruneRequestSchema,
  verifiedReplySchema,
} from '../link/upkeep-replies.ts';
import { durationMs } from '../task/spec-fields.ts';
import type { ManagerService } from './manager-service.ts';
import { assertSameUser } from './peer-user.ts';
import { type AnyRoute, defineRoute } from './route.ts';
import { sendStream } from './stream.ts';

/** What operators ask of a manager's data. */
export function upkeepRoutes(
  service: Pick<ManagerService, 'upkeep'>,
  options: UpkeepRouteOptions,
): readonly AnyRoute[] {
  return [backupRoute(service, options), verifyRoute(service), pruneRoute(service)];
}

export interface UpkeepRouteOptions {
  /** Whether a token is asked for. Without one, only the manager's own user gets a backup. */
  readonly hasToken: boolean;
  readonly clock?: Clock | undefined;
}

function backupRoute(
  service: Pick<ManagerService, 'upkeep'>,
  { hasToken, clock = systemClock }: UpkeepRouteOptions,
): AnyRoute {
  return defineRoute({
    method: 'GET',
    path: '/backup',
    access: 'token',
    summary: 'A verified copy of the data, secrets included, as a file for "cube restore".',
    replies: {
      200: {
        description: 'The file. It begins once the copy is complete and verified.',
        mediaType: 'application/vnd.sqlite3',
        schema: z.string().meta({ format: 'binary' }),
      },
    },
    handle: async ({ raw, requestId, openSignal }, reply) => {
      if (!hasToken) await assertSameUser(raw.socket);
      const signal = openSignal();
      await using copy = await service.upkeep.backUp();
      return await sendStream(reply, copy.read(), {
        mediaType: 'application/vnd.sqlite3',
        encode: (bytes) => bytes,
        graceMs: 0,
        clock,
        requestId,
        signal,
      });
    },
  });
}

function verifyRoute(service: Pick<ManagerService, 'upkeep'>): AnyRoute {
  return defineRoute({
    method: 'POST',
    path: '/verify',
    access: 'token',
    summary: 'Read the data to the last record, and tell whether it is as it was written.',
    replies: { 200: { description: 'All of it is good.', schema: verifiedReplySchema } },
    handle: async () => service.upkeep.verify(),
  });
}

function pruneRoute(service: Pick<ManagerService, 'upkeep'>): AnyRoute {
  return defineRoute({
    method: 'POST',
    path: '/prune',
    access: 'token',
    summary: 'Remove finished tasks now. Never one that may still run.',
    body: pruneRequestSchema,
    replies: { 200: { description: 'What was removed.', schema: pruneReplySchema } },
    handle: async ({ body, requestId }) => {
      const {
        states,
        name,
        node,
        labels,
        olderThan = '0s',
        dryRun,
      } = parseInput(pruneRequestSchema, body(), 'The request');
      const { count, bytes, tasks } = await service.upkeep.prune(
        {
          ...(states === undefined ? {} : { states }),
          ...(name === undefined ? {} : { name }),
          ...(node === undefined ? {} : { node }),
          ...(labels === undefined ? {} : { labels }),
          olderThanMs: durationMs(olderThan),
          dryRun,
        },
        { requestId },
      );
      const items = tasks.map(({ id, spec, status }) => ({
        id,
        name: spec.name,
        state: status.state,
        ...(status.finishedAt === undefined ? {} : { finishedAt: status.finishedAt }),
      }));
      return { count, bytes, items };
    },
  });
}
