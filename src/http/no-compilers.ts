import type { FastifyServerOptions } from 'fastify';

/**
 * For the framework, which else loads two compilers for JSON schemas, 30 ms and 6 MB of them: what
 * comes in is parsed by our own schemas, and what goes out is JSON already.
 */
export const noCompilers: NonNullable<FastifyServerOptions['schemaController']> = {
  compilersFactory: { buildValidator: refuse, buildSerializer: refuse },
};

function refuse(): never {
  throw new Error('Broken belief: no schema is left to the framework');
}
