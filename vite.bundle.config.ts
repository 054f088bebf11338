import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { defineConfig, type Plugin } from 'vite';

/**
 * Packages that others load and Cube never comes to use: the Docker client has them to build images
 * and for ssh:// addresses, which Cube refuses. They are half of all code that a worker would load.
 */
function leaveOut(names: readonly string[]): Plugin {
  const empty = '\0left-out';
  return {
    name: 'leave-out',
    enforce: 'pre',
    resolveId: (id) => (names.includes(id) ? empty : undefined),
    load: (id) => (id === empty ? 'module.exports = {};' : undefined),
  };
}

/** Each thread begins with a file of its own, beside the code that starts it. */
const threads = globSync('src/store/**/*-thread.ts', { cwd: import.meta.dirname });

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
    external: [
      '@fastify/swagger',
      '@lydell/node-pty',
      '@opentelemetry/api',
      'fastify',
      'pino',
      'prom-client',
      'ws',
    ],
  },
  plugins: [leaveOut(['@grpc/grpc-js', '@grpc/proto-loader', 'protobufjs', 'ssh2'])],
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
        paths: (id) => (id.endsWith('/simulate.ts') ? '../cli/commands/simulate.js' : id),
      },
      checks: { ineffectiveDynamicImport: false },
    },
  },
});
