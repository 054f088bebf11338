// Everything that can be checked without running Cube, from cheap to dear.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, 'node_modules', '.bin');

/** Fewer modules than this mean that the layering check has looked at nothing. */
const MODULE_COUNT_MIN = 100;

function run(title, command, args) {
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' };
  const options = { cwd: root, env, encoding: 'utf8', maxBuffer: 1 << 28 };
  const result = spawnSync(command, args, options);
  if (result.status === 0) {
    console.log(`ok      ${title}`);
    return result.stdout;
  }
  console.log(`FAILED  ${title}\n${result.stdout}${result.stderr}`);
  process.exitCode = 1;
  return undefined;
}

run('format and lint', join(bin, 'biome'), ['ci', '--error-on-warnings', '.']);
run('types', join(bin, 'node'), [join(root, 'node_modules/typescript7/bin/tsc'), '-p', '.']);
run('types of the dashboard', join(bin, 'node'), [
  join(root, 'node_modules/typescript7/bin/tsc'),
  '-p',
  'tsconfig.dashboard.json',
]);
const cruise = run('who imports whom', join(bin, 'depcruise'), [
  'src',
  '--config',
  '.dependency-cruiser.cjs',
  '--output-type',
  'json',
]);
const violations = cruise === undefined ? [] : JSON.parse(cruise).summary.violations;
for (const { rule, from, to } of violations) {
  console.log(`FAILED  ${rule.name}: ${from} must not import ${to}`);
  process.exitCode = 1;
}
if (cruise !== undefined) {
  const { totalCruised } = JSON.parse(cruise).summary;
  if (totalCruised < MODULE_COUNT_MIN) {
    console.log(`FAILED  the layering check saw only ${totalCruised} modules`);
    process.exitCode = 1;
  }
}
run('generated pages are current', join(bin, 'node'), ['scripts/generate-docs.mjs', '--check']);
run('nothing unused', join(bin, 'knip'), []);
run('fit to publish', join(bin, 'publint'), ['--strict']);
