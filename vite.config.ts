import { defineConfig } from 'vite';

/** The dashboard alone: the rest of Cube is only compiled, never bundled. */
export default defineConfig({
  root: 'src/dashboard',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../../dist/dashboard',
    emptyOutDir: true,
    target: 'es2023',
    // The Content-Security-Policy allows scripts and styles of this origin only, and none inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // What is built in is the work of others too.
    license: { fileName: 'licenses.md' },
  },
});
