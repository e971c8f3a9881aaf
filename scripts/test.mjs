/**
 * Runs the tests; arguments go to vitest. The last line on standard output is `N passed, N failed`.
 * With `--fast` first, what is worth running at every change: all that needs no server, and of the
 * rest one file of each room.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { capture, gist, main, root, run, tool, withProgress } from './run.mjs';

const fast = [
  ...['unit', 'property', 'integration'].flatMap((project) => ['--project', project]),
  ...['test/unit', 'test/property'],
  ...[
    ...['rows', 'transactions', 'everywhere', 'directory', 'relocation', 'idempotency', 'replicas'],
    ...['reference-tables', 'shared-cache', 'read-batches', 'startup'],
  ].map((name) => `test/integration/${name}.test.ts`),
];

await main(async () => {
  const [first, ...rest] = process.argv.slice(2);
  const args = first === '--fast' ? [...fast, ...rest] : process.argv.slice(2);
  const env = needsPackage(args) ? await build() : {};
  const folder = mkdtempSync(join(tmpdir(), 'meridian-report-'));
  try {
    const report = join(folder, 'report.json');
    const code = await run(
      tool('vitest'),
      ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args],
      { env },
    );
    const { passed, failed } = count(report, code);
    for (const line of failures(report)) console.log(line);
    console.log(`${passed} passed, ${failed} failed`);
    return failed === 0 && passed > 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** Whether the tests that run include those of the packed package. */
function needsPackage(args) {
  const chosen = args.filter((_, index) => args[index - 1] === '--project');
  chosen.push(...args.flatMap((arg) => /^--project=(.*)$/.exec(arg)?.[1] ?? []));
  return chosen.length === 0 || chosen.includes('package');
}

/** A package that does not build makes its tests fail, which count; the others run all the same. */
async function build() {
  const { code, output } = await withProgress('Building', () => capture(tool('tsup'), []));
  if (code !== 0) console.error(gist(output));
  return code === 0 ? { MERIDIAN_BUILT: '1' } : {};
}

/** A line for each failure, begun with `failed:`, so that a long log can be searched for them. */
function failures(report) {
  return read(report).testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(root, name);
    const broken = status === 'failed' && assertionResults.length === 0;
    const tests = assertionResults.filter((test) => test.status === 'failed');
    return [
      ...(broken ? [`failed: ${file}: ${firstLine(message)}`] : []),
      ...tests.map(
        (test) => `failed: ${file} > ${test.fullName}: ${firstLine(test.failureMessages[0] ?? '')}`,
      ),
    ];
  });
}

function firstLine(text) {
  return text.split('\n', 1)[0];
}

function count(report, code) {
  const { testResults, numPassedTests, numFailedTests } = read(report);
  // A file that cannot even be loaded has no tests that could fail.
  const broken = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  );
  const failed = numFailedTests + broken.length;
  return { passed: numPassedTests, failed: failed === 0 && code !== 0 ? 1 : failed };
}

function read(report) {
  try {
    return JSON.parse(readFileSync(report, 'utf8'));
  } catch (error) {
    console.error(`vitest left no report: ${error.message}`);
    return { testResults: [], numPassedTests: 0, numFailedTests: 1 };
  }
}
