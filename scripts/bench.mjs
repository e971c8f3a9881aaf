/** Builds the package, then runs the benchmarks that are named, or all of them. */
import { ensurePeers } from './modules.mjs';
import { buildScript, main, must, run } from './run.mjs';

await main(async () => {
  const args = process.argv.slice(2);
  const names = args.filter((name) => !name.startsWith('-'));
  const compared = ['cache', 'resilience', 'scaling'];
  if (names.length === 0 || names.some((name) => compared.includes(name))) await ensurePeers();
  await must('Building', process.execPath, [buildScript]);
  const program = ['--import', 'tsx', 'bench/run.ts', ...args];
  // What users run is measured: the built package, not the sources that tests import.
  return run(process.execPath, program, { env: { TSX_TSCONFIG_PATH: 'bench/tsconfig.json' } });
});
