/** Builds the package, then runs the benchmarks that are named, or all of them. */
import { main, must, run, tool } from './run.mjs';

await main(async () => {
  await must('Building', tool('tsup'), []);
  const program = ['--import', 'tsx', 'bench/run.ts', ...process.argv.slice(2)];
  // What users run is measured: the built package, not the sources that tests import.
  return run(process.execPath, program, { env: { TSX_TSCONFIG_PATH: 'bench/tsconfig.json' } });
});
