/** Everything that is checked without running the product: one line each, all of them run. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { examples } from './examples.mjs';
import { buildScript, capture, main, tool } from './run.mjs';
import { tidy } from './tidy.mjs';

const checks = [
  ['biome', () => capture(tool('biome'), ['check', '--error-on-warnings', '.'])],
  ['types', () => capture(tool('tsc'), ['--noEmit'])],
  [
    'import rules',
    () => capture(tool('depcruise'), ['src', '--config', '.dependency-cruiser.cjs']),
  ],
  ['tidy', async () => tidy()],
  ['examples of docstrings', async () => examples()],
  ['unused code', () => capture(tool('knip'), [])],
  ['build', () => capture(process.execPath, [buildScript])],
  ['public surface', () => capture(process.execPath, ['scripts/api-report.mjs', '--check'])],
  ['publint', () => capture(tool('publint'), ['--strict'])],
  ['types as packed', typesAsPacked],
];

await main(async () => {
  let failures = 0;
  for (const [name, check] of checks) {
    const begun = performance.now();
    const { code, output } = await check();
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
    if (code === 0) continue;
    failures += 1;
    console.log(output.trimEnd());
  }
  return failures === 0 ? 0 : 1;
});

/** Resolution of Node 10 cannot see subpath exports; no supported Node resolves like that. */
async function typesAsPacked() {
  const folder = mkdtempSync(join(tmpdir(), 'meridian-pack-'));
  try {
    const packed = await capture('npm', [
      ...['pack', '--ignore-scripts', '--silent', '--pack-destination', folder],
    ]);
    if (packed.code !== 0) return packed;
    const [tarball] = readdirSync(folder);
    return await capture(tool('attw'), [join(folder, tarball), '--profile', 'node16']);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
