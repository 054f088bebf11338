import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { defineConfig, type Plugin } from 'vite';

/**
 * What others load and Cube never comes to use: the Docker client has packages to build images and
 * for ssh:// addresses, which Cube refuses, half of all code that a worker would load; fastify has
 * two compilers of JSON schemas, prom-client a link to traces; commander can start programs, which
 * takes as long to load as all of commander.
 *
 * @param from What is left out for one module alone, which others import and need.
 */
function leaveOut(names: readonly string[], from: ReadonlyMap<string, string>): Plugin {
  const empty = '\0left-out';
  return {
    name: 'leave-out',
    enforce: 'pre',
    resolveId: (id, importer = '') => {
      const place = from.get(id);
      const isLeftOut = names.includes(id) || (place !== undefined && importer.endsWith(place));
      return isLeftOut ? empty : undefined;
    },
    load: (id) => (id === empty ? 'module.exports = {};' : undefined),
  };
}

/**
 * Has Node's own modules asked for, not imported. An import looks at each thing that they export,
 * and some of these load more code when they are looked at: `node:fs` its streams, 3 ms of a start.
 */
function askForNode(): Plugin {
  return {
    name: 'ask-for-node',
    renderChunk: (code) => ({
      code: code.replaceAll(
        /^import (.+) from "(node:[a-z0-9_/]+)";$/gm,
        (_line, names: string, module: string) => {
          const wanted = names.replace(/^\* as /, '').replaceAll(' as ', ': ');
          return `const ${wanted} = process.getBuiltinModule("${module}");`;
        },
      ),
      // Each line stays one.
      map: null,
    }),
  };
}

/** Each thread begins with a file of its own, beside the code that starts it. */
const threads = globSync('src/store/**/*-thread.ts', { cwd: import.meta.dirname });

/**
 * The files that a command would load one by one: what every command begins with, and what those
 * begin with that ask a manager. Each file costs some half a millisecond of a start.
 */
const together: readonly { readonly name: string; readonly entries: readonly string[] }[] = [
  { name: 'start', entries: ['src/cli/main.ts'] },
  { name: 'client', entries: ['src/cli/commands/status.ts', 'src/client/cube-client.ts'] },
];

type Imports = (id: string) => readonly string[];

/** All that is loaded before the first line of these modules runs. */
function loadedBy(entries: readonly string[], imports: Imports): ReadonlySet<string> {
  const loaded = new Set<string>();
  const left = entries.map((entry) => join(import.meta.dirname, entry)).flatMap(imports);
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (loaded.has(next)) continue;
    loaded.add(next);
    left.push(...imports(next));
  }
  return loaded;
}

/**
 * The group of a module: the first whose entries load it. What threads load too is a group apart, so
 * that they need not load the rest.
 */
function createGrouping(): (id: string, imports: Imports) => string | null {
  let groups: readonly { readonly name: string; readonly modules: ReadonlySet<string> }[] = [];
  let inThreads: ReadonlySet<string> = new Set();
  return (id, imports) => {
    if (groups.length === 0) {
      inThreads = loadedBy(threads, imports);
      groups = together.map(({ name, entries }) => ({ name, modules: loadedBy(entries, imports) }));
    }
    const name = groups.find(({ modules }) => modules.has(id))?.name;
    if (name === undefined) return null;
    return inThreads.has(id) ? `${name}-base` : name;
  };
}

const group = createGrouping();

/**
 * The command line in a few files, so that it starts fast: each command is one, and what several
 * share lies beside it. The modules below `dist/` are for those who embed Cube, and for `simulate`,
 * which knows its own code by where it lies.
 */
export default defineConfig({
  // Those that are loaded as packages, because they are native or too much their own world. What
  // they need is theirs to find; what others need is built in.
  ssr: {
    target: 'node',
    noExternal: true,
    external: ['@fastify/swagger', '@lydell/node-pty', '@opentelemetry/api', 'pino'],
  },
  plugins: [
    leaveOut(
      [
        '@fastify/ajv-compiler',
        '@fastify/fast-json-stringify-compiler',
        '@grpc/grpc-js',
        '@grpc/proto-loader',
        'protobufjs',
        'ssh2',
      ],
      new Map([
        ['node:child_process', 'commander/lib/command.js'],
        ['@opentelemetry/api', 'prom-client/lib/metrics/processCpuTotal.js'],
      ]),
    ),
    askForNode(),
  ],
  build: {
    ssr: true,
    outDir: 'dist/cube',
    emptyOutDir: true,
    target: 'node24',
    // Names and lines of a stack trace are for people.
    minify: false,
    sourcemap: true,
    reportCompressedSize: false,
    // What is built in is the work of others too.
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      input: {
        main: 'src/cli/main.ts',
        ...Object.fromEntries(threads.map((path) => [basename(path, '.ts'), path])),
      },
      external: [/\/commands\/simulate\.ts$/],
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: '[name]-[hash].js',
        codeSplitting: {
          includeDependenciesRecursively: false,
          groups: [
            {
              debugName: 'together',
              name: (id, context) =>
                group(id, (importer) => context.getModuleInfo(importer)?.importedIds ?? []),
            },
          ],
        },
        paths: (id) => (id.endsWith('/simulate.ts') ? '../cli/commands/simulate.js' : id),
      },
      checks: { ineffectiveDynamicImport: false },
    },
  },
});
