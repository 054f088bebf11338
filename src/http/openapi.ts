import fastifySwagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import {
  createJsonSchemaTransform,
  createJsonSchemaTransformObject,
} from 'fastify-type-provider-zod';
import { problemSchema } from '../link/replies.ts';
import type { AnyRoute } from './route.ts';

export interface ApiInfo {
  readonly title: string;
  readonly description: string;
  readonly version: string;
}

/** Describes every route that is added after by OpenAPI 3.1, from the very schemas that it uses. */
export async function describeApi(app: FastifyInstance, info: ApiInfo): Promise<void> {
  const transformObject = createJsonSchemaTransformObject({});
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info,
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    },
    transform: createJsonSchemaTransform({}),
    transformObject: (document) => withoutUnused(transformObject(document)),
  });
}

/** The framework's schema of a route: only for the description, since routes check on their own. */
export function toFastifySchema(route: AnyRoute): object {
  const replies = Object.entries(route.replies).map(([status, reply]) => [
    status,
    {
      description: reply.description,
      content: { [reply.mediaType ?? 'application/json']: { schema: reply.schema } },
    },
  ]);
  const problem = {
    description: 'Refused or failed.',
    content: { 'application/problem+json': { schema: problemSchema } },
  };
  return {
    summary: route.summary,
    ...(route.access === 'open' ? { security: [] } : { security: [{ token: [] }, {}] }),
    params: route.params,
    querystring: route.query,
    ...(route.body === undefined ? {} : { body: route.body }),
    response: { ...Object.fromEntries(replies), default: problem },
  };
}

/** The schemas of the other server are known too; only those that are referred to are told. */
function withoutUnused<Document extends object>(document: Document): Document {
  const components = Reflect.get(document, 'components') ?? {};
  const all: Record<string, unknown> = Reflect.get(components, 'schemas') ?? {};
  const used = new Set<string>();
  const visit = (value: unknown): void => {
    for (const [, name = ''] of JSON.stringify(value).matchAll(
      /"#\/components\/schemas\/([A-Za-z0-9]+)"/g,
    )) {
      if (used.has(name)) continue;
      used.add(name);
      visit(all[name] ?? {});
    }
  };
  visit(Reflect.get(document, 'paths') ?? {});
  const schemas = Object.fromEntries(Object.entries(all).filter(([name]) => used.has(name)));
  return { ...document, components: { ...components, schemas } };
}
