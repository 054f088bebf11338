import { z } from 'zod';
import { parseInput } from '../errors/input-issues.ts';
import { announcementSchema, joinReplySchema } from '../link/protocol.ts';
import {
  differenceSchema,
  managerStatusSchema,
  nodeListSchema,
  nodeReplySchema,
} from '../link/replies.ts';
import { labelChangesSchema } from '../node/node.ts';
import { nameSchema } from '../task/name.ts';
import type { ManagerService } from './manager-service.ts';
import { moment } from './query.ts';
import { type AnyRoute, defineRoute } from './route.ts';
import { toDifferenceReply, toNodeReply } from './task-replies.ts';

/** The paths of a manager about its nodes and itself. */
export function nodeRoutes(service: ManagerService): readonly AnyRoute[] {
  return [
    ...steeringRoutes(service),
    defineRoute({
      method: 'GET',
      path: '/nodes',
      access: 'token',
      summary: 'Every node, with what is promised and measured there.',
      query: {
        at: moment
          .optional()
          .describe('As they were then: a revision, or a time such as 2030-01-31T03:00:00Z.'),
      },
      replies: { 200: { description: 'The nodes.', schema: nodeListSchema } },
      handle: async ({ query: { at } }) => {
        if (at === undefined) return { items: service.listNodes().map(toNodeReply) };
        const { items, revision } = await service.history.listNodes(at);
        return { items: items.map(toNodeReply), revision };
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/diff',
      access: 'token',
      summary: 'What is different at one moment from what was at another.',
      query: {
        from: moment.describe('A revision or a time.'),
        to: moment.optional().describe('A revision or a time. Default: now.'),
      },
      replies: { 200: { description: 'What differs.', schema: differenceSchema } },
      handle: async ({ query: { from, to } }) => {
        const { revision } = service.status();
        return toDifferenceReply(await service.history.difference(from, to ?? { revision }));
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/nodes',
      access: 'token',
      summary: 'A worker presents itself; repeatable.',
      body: announcementSchema,
      replies: { 200: { description: 'It is taken.', schema: joinReplySchema } },
      handle: async ({ body }) =>
        service.join(parseInput(announcementSchema, body(), 'The announcement')),
    }),
    defineRoute({
      method: 'GET',
      path: '/status',
      access: 'token',
      summary: 'The manager itself.',
      replies: { 200: { description: 'Its status.', schema: managerStatusSchema } },
      handle: async () => service.status(),
    }),
  ];
}

/** What users ask of a node. */
function steeringRoutes(service: ManagerService): readonly AnyRoute[] {
  const params = { name: nameSchema };
  const shared = { method: 'POST', access: 'token', params } as const;
  const replies = { 200: { description: 'The node.', schema: nodeReplySchema } };
  const labels = z.object({ labels: labelChangesSchema });
  return [
    defineRoute({
      ...shared,
      path: '/nodes/:name/drain',
      summary: 'Let no more tasks in; those that are there move elsewhere, one by one. Repeatable.',
      replies,
      handle: async ({ params: { name }, requestId }) =>
        toNodeReply(await service.drainNode(name, { requestId })),
    }),
    defineRoute({
      ...shared,
      path: '/nodes/:name/resume',
      summary: 'End the draining of a node. Repeatable.',
      replies,
      handle: async ({ params: { name }, requestId }) =>
        toNodeReply(await service.resumeNode(name, { requestId })),
    }),
    defineRoute({
      ...shared,
      path: '/nodes/:name/labels',
      summary: 'Set labels of a node, over those of its worker; null takes one away. Repeatable.',
      body: labels,
      replies,
      handle: async ({ params: { name }, body, requestId }) => {
        const changes = parseInput(labels.strict(), body(), 'The change of labels').labels;
        return toNodeReply(await service.labelNode(name, changes, { requestId }));
      },
    }),
  ];
}
