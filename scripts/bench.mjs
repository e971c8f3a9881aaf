/** Builds the package, then runs the benchmarks that are named, or all of them. */
import { main, must, run, tool } from './run.mjs';

await main(async () => {
  await must('Building', tool('tsup'), []);
  return run(process.execPath, ['--import', 'tsx', 'bench/run.ts', ...process.argv.slice(2)]);
});
