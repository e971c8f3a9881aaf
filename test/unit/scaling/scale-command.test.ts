import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { programFile } from '../../support/programs.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meridian-scale-'));
  // Three weeks of half hours.
  const lines = Array.from({ length: 3 * 7 * 48 }, (_, step) => {
    const at = new Date(Date.UTC(2024, 0, 1) + step * 1_800_000).toISOString();
    return `${at},${Math.round(1_000 + 800 * Math.sin(((step % 48) / 48) * 2 * Math.PI))}`;
  });
  await writeFile(join(folder, 'trace.csv'), `time,load\n${lines.join('\n')}\n`);
  await writeFile(join(folder, 'broken.csv'), 'time,load\nsoon,much\n');
});
afterAll(() => rm(folder, { recursive: true }));

async function scale(...args: string[]) {
  const program = await programFile(join(root, 'src/cli/meridian.ts'));
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const running = execFile(
      process.execPath,
      [program, 'scale', ...args],
      { cwd: root },
      (_, stdout, stderr) => resolve({ code: running.exitCode ?? -1, stdout, stderr }),
    );
  });
}

it('prints a table and a plot, and draws a chart', async () => {
  const svg = join(folder, 'scale.svg');
  const { code, stdout, stderr } = await scale('--trace', join(folder, 'trace.csv'), '--svg', svg);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^static 40 +\d+\.\d +100\.0 % +0\.000 %/m);
  expect(stdout).toMatch(/^scaler +\d/m);
  expect(stdout).toMatch(/^load {5}[▁▂▃▄▅▆▇█]{72}$/m);
  expect(await readFile(svg, 'utf8')).toContain('<svg');
});

it('prints JSON for programs', async () => {
  const { stdout } = await scale(
    '--trace',
    join(folder, 'trace.csv'),
    '--json',
    '--max-load',
    '100',
    '--lead',
    '0',
  );
  const { scores, maxLoadPerInstance } = JSON.parse(stdout);
  expect(maxLoadPerInstance).toBe(100);
  expect(scores.map(({ policy }: { policy: string }) => policy)).toEqual([
    'static 18',
    'rule 1.2',
    'HPA 0.7',
    'scaler',
  ]);
});

it.each([
  [['--trace', 'nowhere.csv'], 'could not be read'],
  [['--trace', 'broken.csv'], 'line 2'],
  [['--trace', 'trace.csv', '--lead', 'soon'], '--lead'],
  [['--trace', 'trace.csv', '--lead', '60001'], '--lead is a number of seconds up to 60000'],
  [['--trace', 'trace.csv', '--max-load', '0'], '--max-load'],
  [['--trace', 'trace.csv', '--time-zone', 'Mars/Olympus'], 'timeZone'],
  [['--nonsense'], 'Usage'],
  [[], 'Usage'],
])('refuses %j', async (args, why) => {
  const given = args.map((arg) => (arg.endsWith('.csv') ? join(folder, arg) : arg));
  const { code, stderr } = await scale(...given);
  expect(code).toBe(2);
  expect(stderr).toContain(why);
  expect(stderr).not.toContain('    at ');
});
