import { runSeed } from '../../src/simulation/run-seed.ts';

// Prints the hash of the history of each seed that is given, for a test that has another version of
// Node run it: node print-histories.ts 1 2 3

for (const seed of process.argv.slice(2)) console.log((await runSeed(Number(seed))).hash);
