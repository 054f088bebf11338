#!/usr/bin/env node
// Plain JavaScript that any Node can read, so that an old one gets a sentence, not a stack trace.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(
    `cube needs Node 24 or newer, and this is Node ${process.versions.node}: install a newer one, or use "npx cube" in a checkout, which brings its own.`,
  );
  process.exit(78);
}
keepCompiledCode();
const args = process.argv.slice(2);
// A simulation knows its own code by the place of each module, which a bundle does not keep.
const isSimulation = args.slice(0, 2).includes('simulate');
const { main } = await (isSimulation
  ? import('../dist/cli/main.js')
  : import('../dist/cube/main.js'));
await main(args);

/**
 * Lets Node keep what it has compiled for the next start. Code is read from there and run, so the
 * place must be the user's own, and no one else's to write; without such a place, all is compiled
 * anew. NODE_COMPILE_CACHE names another place, NODE_DISABLE_COMPILE_CACHE=1 turns it off.
 */
function keepCompiledCode() {
  // biome-ignore lint/style/noProcessEnv: src/config, which reads the rest, is not loaded yet.
  const { HOME: home, XDG_CACHE_HOME: chosen, NODE_COMPILE_CACHE: others } = process.env;
  if (others || process.getuid === undefined) return;
  const isChosen = chosen?.startsWith('/') === true;
  if (!isChosen && !home?.startsWith('/')) return;
  const caches = isChosen ? chosen : `${home}/.cache`;
  const own = `${caches}/cube`;
  const { existsSync, lstatSync, mkdirSync } = process.getBuiltinModule('node:fs');
  const isPrivate = (path) => {
    const { uid, mode } = lstatSync(path);
    return uid === process.getuid() && (mode & 0o170000) === 0o040000 && (mode & 0o022) === 0;
  };
  try {
    if (!isChosen && !isPrivate(home)) return;
    // One by one: where nothing can be made, as in /proc, a recursive mkdir of Node never returns.
    for (const path of [caches, own]) if (!existsSync(path)) mkdirSync(path, { mode: 0o700 });
    if (!isPrivate(caches) || !isPrivate(own)) return;
  } catch {
    // A home that is read-only, or being set up by another `cube` at this moment: this one starts a
    // little later, and that is all.
    return;
  }
  process.getBuiltinModule('node:module').enableCompileCache(own);
}
