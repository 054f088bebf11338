import fastifySwagger from '@fastify/swagger';
import Fastify from 'fastify';
import {
  createJsonSchemaTransform,
  createJsonSchemaTransformObject,
} from 'fastify-type-provider-zod';
import { problemSchema } from '../link/replies.ts';
import { noCompilers } from './no-compilers.ts';
import type { AnyRoute } from './route.ts';

export interface ApiInfo {
  readonly title: string;
  readonly description: string;
  readonly version: string;
}

/**
 * Describes routes by OpenAPI 3.1, from the very schemas that they use. Nothing that serves needs it,
 * so that it is made, and its libraries are loaded, only for who asks.
 */
export async function describeApi(routes: readonly AnyRoute[], info: ApiInfo): Promise<object> {
  const app = Fastify({ exposeHeadRoutes: false, schemaController: noCompilers });
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
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
  for (const route of routes) {
    const schema = toFastifySchema(route);
    app.route({ method: route.method, url: route.path, schema, handler: async () => undefined });
  }
  await app.ready();
  return app.swagger();
}

function toFastifySchema(route: AnyRoute): object {
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
