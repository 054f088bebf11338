import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { defineConfig } from 'vite';

/** Each thread begins with a file of its own, beside the code that starts it. */
const threads = globSync('src/store/**/*-thread.ts', { cwd: import.meta.dirname });

/**
 * The command line in a few files, so that it starts fast: each command is one, and what several
 * share lies beside it. The modules below `dist/` are for those who embed Cube, and for `simulate`,
 * which knows its own code by where it lies.
 */
export default defineConfig({
  // Small or always needed. Whatever is not named here stays a package, and is loaded as one.
  ssr: {
    target: 'node',
    noExternal: [
      '@fastify/error',
      'commander',
      'eventsource-parser',
      'fastest-levenshtein',
      'fastify-type-provider-zod',
      'p-limit',
      'picocolors',
      'yocto-queue',
      'zod',
    ],
  },
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
