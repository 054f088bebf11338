// Runs the benchmarks: `npm run bench [-- PART…]`. See docs/performance.md.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { historyPart } from './parts/history.ts';
import { latencyPart } from './parts/latency.ts';
import { millionPart } from './parts/million.ts';
import { restPart } from './parts/rest.ts';
import { schedulingPart } from './parts/scheduling.ts';
import { storePart } from './parts/store.ts';
import { submissionPart } from './parts/submission.ts';
import { watchingPart } from './parts/watching.ts';
import { judge, type Row } from './suite/judge.ts';
import { describeGaps, measure } from './suite/measure.ts';
import type { Part } from './suite/part.ts';
import { describeMachine, mergeRows, readResults, writeResults } from './suite/results.ts';
import { formatTable } from './suite/table.ts';

/** What runs when no part is named; `million` runs only when it is. */
const usual: readonly Part[] = [
  storePart,
  submissionPart,
  latencyPart,
  schedulingPart,
  watchingPart,
  historyPart,
  restPart,
];

const all: readonly Part[] = [...usual, millionPart];

/** The figures that runs are compared with. Only `--keep` writes them. */
const KEPT = join(import.meta.dirname, 'results', 'kept.json');
const LATEST = join(import.meta.dirname, 'results', 'latest.json');

const words = process.argv.slice(2);
const isKept = words.includes('--keep');
const names = words.filter((word) => word !== '--keep');
const unknown = names.filter((name) => !all.some((part) => part.name === name));
if (unknown.length > 0) {
  const known = all.map(({ name }) => name).join(', ');
  console.error(`There is no part "${unknown[0]}" of the benchmarks. There are: ${known}.`);
  process.exit(64);
}
const chosen = names.length === 0 ? usual : all.filter(({ name }) => names.includes(name));

const rows: Row[] = [];
const remarks: string[] = [];
let hasFailed = false;
for (const part of chosen) {
  const startedAt = performance.now();
  const directory = await mkdtemp(join(tmpdir(), `cube-bench-${part.name}-`));
  try {
    const measured = await measure(part, {
      directory,
      onProgress: (text) => console.error(`${part.name}: ${text}`),
    });
    rows.push(...judge(part, measured));
    remarks.push(...part.notes);
    remarks.push(...describeGaps(measured.gaps).map((line) => `${part.name} ${line}`));
    hasFailed ||= measured.gaps.some(({ isFailure }) => isFailure);
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
  const tookS = (performance.now() - startedAt) / 1000;
  console.error(`${part.name}: took ${tookS.toFixed(0)} s`);
}

const machine = describeMachine();
const kept = (await readResults(KEPT))?.rows ?? [];
console.log(
  `${machine.cores} × ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.system}, Node ${machine.node}, commit ${machine.commit}\n`,
);
console.log(formatTable(rows, kept));
for (const remark of remarks) console.log(`- ${remark}`);
const latest = (await readResults(LATEST))?.rows ?? [];
await writeResults(LATEST, { machine, rows: mergeRows(latest, rows) });
if (isKept) await writeResults(KEPT, { machine, rows: mergeRows(kept, rows) });
process.exit(hasFailed ? 1 : 0);
