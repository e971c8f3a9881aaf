import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { root, run, tool } from './run.mjs';

/**
 * Runs vitest and counts. Each failure is told once more on a line that begins with `failed:`, so that a
 * long log can be searched for them. Errors that no test owns count as one failure.
 */
export async function runTests(args, env = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'meridian-report-'));
  try {
    const file = join(folder, 'report.json');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    const code = await run(tool('vitest'), ['run', ...reporters, ...args], { env });
    const report = read(file);
    const failures = report.testResults.flatMap(failuresOf);
    if (failures.length === 0 && code !== 0) failures.push('an error outside of tests');
    for (const failure of failures) console.log(`failed: ${failure}`);
    const { numPassedTests: passed, numPendingTests: skipped } = report;
    return { passed, failed: failures.length, skipped };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    console.error(`vitest left no report: ${error.message}`);
    return { testResults: [], numPassedTests: 0, numPendingTests: 0 };
  }
}

function failuresOf({ name, status, message, assertionResults }) {
  const file = relative(root, name);
  const failed = assertionResults.filter((test) => test.status === 'failed');
  // A file that cannot be loaded, or whose hook fails, has no test that could.
  const isBroken = status === 'failed' && failed.length === 0;
  return [
    ...(isBroken ? [`${file}: ${firstLine(message)}`] : []),
    ...failed.map(
      ({ fullName, failureMessages: [first = ''] }) => `${file} > ${fullName}: ${firstLine(first)}`,
    ),
  ];
}

function firstLine(text) {
  return text.split('\n', 1)[0];
}
