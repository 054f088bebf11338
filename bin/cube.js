#!/usr/bin/env node
// Plain JavaScript that any Node can read, so that an old one gets a sentence, not a stack trace.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(
    `cube needs Node 24 or newer, and this is Node ${process.versions.node}: install a newer one, or use "npx cube" in a checkout, which brings its own.`,
  );
  process.exit(78);
}
const { main } = await import('../dist/cli/main.js');
await main(process.argv.slice(2));
