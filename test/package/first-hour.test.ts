import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { codeBlocks } from '../support/docs/code-blocks.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
const guide = codeBlocks(root).filter(({ page }) => page === 'docs/guides/getting-started.md');
const files = guide.flatMap(({ file, text }) => (file === undefined ? [] : { file, text }));
/** The commands of the guide, in their order, each as the words of one line. */
const commands = guide
  .filter(({ language }) => language === 'sh')
  .flatMap(({ text }) => text.trim().split('\n'))
  .map((line) => line.split(' '));

let folder: string;
let app: string;
let servers: ChildProcess | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meridian-first-hour-'));
  app = join(folder, 'app');
  await mkdir(app);
  // Packing builds, unless the test script has just done so.
  const built = process.env.MERIDIAN_BUILT ? ['--ignore-scripts'] : [];
  await run('npm', ['pack', ...built, '--pack-destination', folder], { cwd: root });
});

afterAll(async () => {
  await interrupt();
  await rm(folder, { recursive: true, force: true });
});

/** Resolves once the guide's servers say that they are up. */
async function startServers([file = '', ...args]: readonly string[]): Promise<void> {
  servers = spawn(file, args, { cwd: app, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  for await (const chunk of servers.stdout ?? []) {
    if (String(chunk).includes('The servers are up')) return;
  }
  throw new Error('The guide’s dev.ts ended before its servers were up.');
}

/** What Ctrl-C does: every process of the terminal's group gets the signal. */
async function interrupt(): Promise<void> {
  if (servers?.pid === undefined || servers.exitCode !== null || servers.signalCode !== null)
    return;
  const ended = once(servers, 'exit');
  process.kill(-servers.pid, 'SIGINT');
  await ended;
}

it('the guide leads from an empty folder to the first row', async () => {
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
  const startedAt = performance.now();
  const printed: string[] = [];
  for (const words of commands) {
    // What is published is the tarball; all else is done to the letter.
    const literal = words.map((word) => (word === 'meridian' ? join('..', `${tarball}`) : word));
    if (words.includes('dev.ts')) {
      for (const { file, text } of files) await writeFile(join(app, file), text);
      await startServers(literal);
    } else {
      const [file = '', ...args] = literal;
      printed.push((await run(file, args, { cwd: app })).stdout);
    }
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  console.log(`From an empty folder to the first row: ${seconds.toFixed(1)} s`);
  expect(printed.at(-1)).toMatch(/country: 'DE',\s+name: 'Ada'/);
  expect(printed.at(-1)).toContain('eu-1');
  await interrupt();
}, 240_000);

it('every link of a page in the package leads to a file of it', async () => {
  const installed = join(app, 'node_modules', 'meridian');
  const all = await readdir(installed, { recursive: true, encoding: 'utf8' });
  const pages = all.filter((file) => file.endsWith('.md') && !file.includes('node_modules'));
  expect(pages).toContain('README.md');
  for (const page of pages) {
    const text = await readFile(join(installed, page), 'utf8');
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link = '']) => link);
    const missing = links
      .map((link) => relative(installed, join(installed, dirname(page), link)))
      .filter((path) => path.startsWith('..') || !existsSync(join(installed, path)));
    expect({ page, missing }).toEqual({ page, missing: [] });
  }
});
