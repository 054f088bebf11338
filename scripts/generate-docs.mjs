// Writes the reference pages that follow from the code: errors, task spec, HTTP interface and
// command line. With --check it changes nothing and fails where a page is not current.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const load = (path) => import(join(root, 'dist', path));

const { errorCodes } = await load('errors/error-codes.js');
const { statusOf } = await load('http/status-codes.js');
const { toExitCode } = await load('cli/exit-codes.js');
const { taskSpecSchema } = await load('task/task-spec.js');
const { createManagerMetrics } = await load('http/manager-metrics.js');
const { createManagerServer } = await load('http/manager-server.js');
const { createWorkerMetrics } = await load('http/worker-metrics.js');
const { createWorkerServer } = await load('http/worker-server.js');
const { runCli } = await load('cli/main.js');
const { noopLogger } = await load('lib/logger.js');
const { z } = await import('zod');

const NOTE = '<!-- Generated from the code by "npm run docs". -->\n';

function errorsPage() {
  const rows = Object.entries(errorCodes).map(
    ([code, { meaning, retryable }]) =>
      `| \`${code}\` | ${statusOf[code]} | ${toExitCode(code)} | ${retryable ? 'yes' : 'no'} | ${meaning} |`,
  );
  return [
    NOTE,
    '# Error codes\n',
    'Every error of Cube carries one of these codes: as `code` in problem details (RFC 9457), in',
    '`--json` output and in the library. "Again" says whether the same request may succeed later.\n',
    '| code | HTTP | exit | again | meaning |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

function typeOf(schema) {
  if (schema.$ref) return schema.$ref.split('/').at(-1);
  if (schema.enum) return schema.enum.map((one) => `\`${one}\``).join(', ');
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' or ');
  if (schema.type === 'array') return `list of ${typeOf(schema.items)}`;
  if (schema.type === 'object' && schema.additionalProperties) return 'map';
  return schema.type ?? 'any';
}

function fieldTable(schema) {
  const required = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties ?? {}).map(([field, value]) => {
    const fallback = value.default === undefined ? '' : `\`${JSON.stringify(value.default)}\``;
    const must = required.has(field) ? 'required' : fallback;
    const words = (value.description ?? '').replaceAll('|', '\\|');
    return `| \`${field}\` | ${typeOf(value)} | ${must} | ${words} |`;
  });
  return ['| field | type | default | meaning |', '| --- | --- | --- | --- |', ...rows, ''];
}

function specPage() {
  const document = z.toJSONSchema(taskSpecSchema, { io: 'input', unrepresentable: 'any' });
  const { TaskSpec, ...others } = document.$defs;
  return [
    NOTE,
    '# Task spec\n',
    'What a user may ask of a task. Unknown fields are refused. Sizes take bytes or a unit',
    '(`64k`, `256MiB`, `1.5g`; m = MiB), durations always take a unit (`500ms`, `5s`, `1m30s`).\n',
    ...fieldTable(TaskSpec),
    ...Object.entries(others).flatMap(([name, schema]) =>
      schema.properties ? [`## ${name}\n`, ...fieldTable(schema)] : [],
    ),
  ].join('\n');
}

async function apiOf(title, createServer) {
  // Only the description is asked for, so that no service is ever called.
  const service = { status: () => ({ healthy: true }) };
  const server = await createServer({ service, logger: noopLogger, version: '' });
  const reply = await server.inject({ method: 'GET', url: '/openapi.json' });
  const document = JSON.parse(reply.body ?? reply.payload);
  await server.close();
  const lines = [`## ${title}\n`];
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, { summary, parameters = [], responses }] of Object.entries(methods)) {
      lines.push(`### ${method.toUpperCase()} ${path}\n`, `${summary}\n`);
      for (const { name, in: place, required, schema, description } of parameters) {
        const words = description ?? schema?.description ?? '';
        lines.push(`- \`${name}\` (${place}${required ? '' : ', optional'}): ${words}`);
      }
      for (const [status, { description }] of Object.entries(responses)) {
        lines.push(`- ${status}: ${description}`);
      }
      lines.push('');
    }
  }
  return lines;
}

async function apiPage() {
  return [
    NOTE,
    '# HTTP interface\n',
    'Both servers describe themselves as OpenAPI 3.1 at `/openapi.json`, with every schema. Errors',
    'are problem details; see [errors](errors.md).\n',
    ...(await apiOf('Manager', createManagerServer)),
    ...(await apiOf('Worker', createWorkerServer)),
  ].join('\n');
}

async function metricsOf(title, words, { createMetrics, createServer }) {
  const metrics = createMetrics({ hasDefaults: false });
  const service = { status: () => ({ healthy: true }) };
  const server = await createServer({ service, metrics, logger: noopLogger, version: '' });
  await server.close();
  const rows = metrics.registry
    .getMetricsAsArray()
    .map((metric) => [metric.name, metric.constructor.name, metric.labelNames, metric.help])
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, type, labels, help]) => {
      const labelWords = labels.map((label) => `\`${label}\``).join(', ');
      return `| \`${name}\` | ${type.toLowerCase()} | ${labelWords} | ${help} |`;
    });
  return [
    `## ${title}\n`,
    `${words}\n`,
    '| metric | type | labels | meaning |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ];
}

async function metricsPage() {
  return [
    NOTE,
    '# Metrics\n',
    'Manager and worker each serve `GET /metrics` in the text format of Prometheus; where there is a',
    'token, it is asked for as everywhere. Beside these there are those of the process itself:',
    '`process_*` (memory, cpu, open files) and `nodejs_*` (event loop lag, garbage collection).',
    'A label takes few values, known beforehand: no metric ever names a task. Histograms come as',
    '`_bucket`, `_sum` and `_count`. A dashboard for Grafana is in `deploy/grafana/cube.json`.\n',
    ...(await metricsOf('Manager', 'At its own address, port 5555 where nothing else was chosen.', {
      createMetrics: createManagerMetrics,
      createServer: createManagerServer,
    })),
    ...(await metricsOf('Worker', 'At its own address, port 5556 where nothing else was chosen.', {
      createMetrics: createWorkerMetrics,
      createServer: createWorkerServer,
    })),
  ].join('\n');
}

/** What the command line writes, at a width that fits a page. */
async function helpOf(argv) {
  let help = '';
  const output = {
    isTerminal: false,
    columns: 100,
    write: async (text) => {
      help += text;
    },
  };
  await runCli([...argv, '--help'], { stdout: output, stderr: output, environment: {} });
  return help.trim();
}

async function commandPage() {
  const general = await helpOf([]);
  const lines = [NOTE, '# Command line\n', `\`\`\`text\n${general}\n\`\`\`\n`];
  const add = async (argv) => {
    const help = await helpOf(argv);
    lines.push(`## cube ${argv.join(' ')}\n`, `\`\`\`text\n${help}\n\`\`\`\n`);
    for (const name of commandsOf(help)) await add([...argv, name]);
  };
  for (const name of commandsOf(general)) await add([name]);
  return lines.join('\n');
}

/** The names in the list of commands that a help text has, if it has one. */
function commandsOf(help) {
  const [list = ''] = help.split('\nCommands:\n')[1]?.split('\n\n') ?? [];
  return [...list.matchAll(/^ {2}([a-z]+)/gm)]
    .map(([, name]) => name)
    .filter((name) => name !== 'help');
}

const pages = {
  'errors.md': errorsPage(),
  'task-spec.md': specPage(),
  'api.md': await apiPage(),
  'cli.md': await commandPage(),
  'metrics.md': await metricsPage(),
};

for (const [name, text] of Object.entries(pages)) {
  const path = join(root, 'docs', name);
  if (!process.argv.includes('--check')) {
    writeFileSync(path, text);
    continue;
  }
  let current = '';
  try {
    current = readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  if (current !== text) {
    console.error(`docs/${name} is not current: run "npm run docs".`);
    process.exitCode = 1;
  }
}
