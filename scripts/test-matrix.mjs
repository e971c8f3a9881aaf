/**
 * Runs the integration tests on every server, or on those named by `--only`; other arguments go to
 * vitest. `--dialects` runs what servers may understand otherwise, `--write` puts the results of whole runs
 * into docs/compatibility.md. Releases that can't be had are the last words before the count, and count as
 * skipped.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture, main, Obstacle, root } from './run.mjs';
import { ensureRoot, releases, versionOf } from './server-roots.mjs';
import { findBinary } from './servers.mjs';
import { runTests } from './vitest.mjs';

const page = join(root, 'docs', 'compatibility.md');
/** Files that talk to Redis in its own words; the others would show nothing new. */
const aboutRedis = [
  'integration/cache/',
  'integration/testing/local-cluster',
  'integration/testing/local-redis',
  'integration/testing/redis-kinds',
  'data-layer/residency-cache',
];
/** Files that ask servers in words which another release may understand otherwise. */
const dialects = {
  mysql: [
    ...[
      'mysql/',
      'rows/exact-values',
      'rows/schema-changes',
      'rows/values',
      'rows/raw/',
      'scatter/',
    ],
    ...['execution/classification', 'verification/column-checks', 'verification/identity'],
    ...['relocation/relocation.test', 'relocation/relocation-values'],
  ].map((name) => `integration/${name}`),
  redis: [
    'cache/callers',
    'cache/data-layer-calls',
    'cache/overflow',
    'cache/unknown-inserts',
    'cache/redis/',
    'cache/cache-contract.test',
    'testing/redis-kinds',
  ].map((name) => `integration/${name}`),
};
const variables = { mysql: 'MERIDIAN_TEST_MYSQL', redis: 'MERIDIAN_TEST_REDIS' };

await main(async () => {
  const { only, write, isBrief, rest } = readArguments(process.argv.slice(2));
  const wanted = ['system', ...Object.keys(releases)].filter(
    (name) => only.length === 0 || only.includes(name),
  );
  if (wanted.length === 0) throw new Obstacle(`There is no ${only.join(' or ')}.`);
  if (write && (isBrief || rest.length > 0)) {
    throw new Obstacle('The page holds whole runs: leave out --write.');
  }
  const lines = [];
  const missing = [];
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const name of wanted) {
    const server = await serverOf(name, isBrief).catch((error) => {
      if (!(error instanceof Obstacle)) throw error;
      missing.push(error.message.split('\n')[0]);
      total.skipped++;
    });
    if (server === undefined) continue;
    console.log(`\n${server.label}`);
    const chosen = rest.length > 0 ? rest : server.files;
    const counted = await runTests(['--project', 'integration', ...chosen], server.env);
    for (const key of Object.keys(total)) total[key] += counted[key];
    lines.push({ name, cells: [server.label, server.scope, ...Object.values(counted)] });
  }
  if (write) writePage(lines);
  for (const { cells } of lines) console.log(cells.join(' · '));
  for (const why of missing) console.log(`not run: ${why}`);
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
});

function readArguments(args) {
  const only = args.filter((_, index) => args[index - 1] === '--only');
  const others = args.filter((arg, index) => arg !== '--only' && args[index - 1] !== '--only');
  return {
    only,
    write: others.includes('--write'),
    isBrief: others.includes('--dialects'),
    rest: others.filter((arg) => arg !== '--write' && arg !== '--dialects'),
  };
}

async function serverOf(name, isBrief) {
  if (name === 'system') {
    const versions = [
      await systemVersion('mariadbd', 'mysqld'),
      await systemVersion('redis-server'),
    ];
    const files = isBrief ? Object.values(dialects).flat() : [];
    return { label: versions.join(', '), scope: 'all', env: {}, files };
  }
  const { kind } = releases[name];
  const folder = await ensureRoot(name);
  return {
    label: `${name.split('-')[0]} ${versionOf(folder)}`,
    scope: kind === 'mysql' ? 'all' : 'those about Redis',
    env: { [variables[kind]]: folder },
    files: isBrief ? dialects[kind] : kind === 'mysql' ? [] : aboutRedis,
  };
}

async function systemVersion(...names) {
  const file = findBinary(...names);
  if (file === undefined) throw new Obstacle(`${names[0]}: not on this machine`);
  const { output } = await capture(file, ['--version']);
  const [version = '?'] = /\d+\.\d+\.\d+/.exec(output) ?? [];
  return `${/mariadb/i.test(output) ? 'mariadb' : (names[1] ?? names[0].split('-')[0])} ${version}`;
}

/** Rows of releases that were not run this time stay as they are. */
function writePage(lines) {
  const text = readFileSync(page, 'utf8');
  const day = new Date().toISOString().slice(0, 10);
  let written = text;
  for (const { name, cells } of lines) {
    const row = new RegExp(`^\\|.*<!-- ${name} -->\\|$`, 'm');
    if (!row.test(written)) throw new Obstacle(`docs/compatibility.md has no row of ${name}.`);
    written = written.replace(row, `| ${[...cells, day].join(' | ')} <!-- ${name} -->|`);
  }
  writeFileSync(page, written);
}
