/**
 * Runs the tests; arguments go to vitest. The last line on standard output is `N passed, N failed`.
 * With `--fast` first, what is worth running at every change: all that needs no server, and of the
 * rest one file of each room.
 */
import { buildScript, capture, gist, main, withProgress } from './run.mjs';
import { runTests } from './vitest.mjs';

const fast = [
  ...['unit', 'property', 'integration'].flatMap((project) => ['--project', project]),
  ...['test/unit', 'test/property'],
  ...[
    ...['rows/rows', 'rows/read-batches', 'commit/transactions', 'commit/idempotency'],
    ...['scatter/everywhere', 'directory/directory', 'relocation/relocation', 'execution/replicas'],
    ...['reference/reference-tables', 'cache/shared-cache', 'verification/startup'],
  ].map((name) => `test/integration/${name}.test.ts`),
];

await main(async () => {
  const [first, ...rest] = process.argv.slice(2);
  const args = first === '--fast' ? [...fast, ...rest] : process.argv.slice(2);
  const env = needsPackage(args) ? await build() : {};
  const { passed, failed } = await runTests(args, env);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
});

/** Whether the tests that run include those of the packed package. */
function needsPackage(args) {
  const chosen = args.filter((_, index) => args[index - 1] === '--project');
  chosen.push(...args.flatMap((arg) => /^--project=(.*)$/.exec(arg)?.[1] ?? []));
  return chosen.length === 0 || chosen.includes('package');
}

/** Unless it was built just now. A package that does not build makes its tests fail, which count; the others run all the same. */
async function build() {
  if (process.env.MERIDIAN_BUILT) return {};
  const { code, output } = await withProgress('Building', () =>
    capture(process.execPath, [buildScript]),
  );
  if (code !== 0) console.error(gist(output));
  return code === 0 ? { MERIDIAN_BUILT: '1' } : {};
}
