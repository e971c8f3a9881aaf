import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type LocalCluster, startLocalCluster } from 'meridian/testing';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { codeBlocks } from '../support/docs/code-blocks.ts';
import { PageProcess } from '../support/docs/page-process.ts';
import { bundlePrograms } from '../support/programs.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = `${root}/.cache/docs-${process.pid}`;
const blocks = codeBlocks(root);
const code = blocks.filter(({ language }) => language === 'ts');
// The blocks of a page are one script: a later block goes on where the one before it ended. Those that are
// files of their own are compiled here, and run by the test of the packed package.
const unnamed = code.filter(({ file }) => file === undefined);
const pages = [...new Set(unnamed.map(({ page }) => page))];
const scripts = pages.map((page, index) => ({
  page,
  file: `page-${index}.ts`,
  text: unnamed
    .filter((block) => block.page === page)
    .map(({ text }) => text)
    .join(''),
}));
const shards = ['eu-1', 'us-1', 'tx-1', 'tx-2'] as const;

let cluster: LocalCluster<(typeof shards)[number]>;
let programs: string[];
let shared: PageProcess;
let settings: { cwd: string; env: NodeJS.ProcessEnv };

/** The guide's own tables, on the shards that it names for them. */
async function createTables(): Promise<void> {
  const ddl = blocks.filter(
    ({ page, language }) => page.endsWith('getting-started.md') && language === 'sql',
  );
  expect(ddl).toHaveLength(2);
  // Other pages define what every shard holds.
  const broadcast = blocks.filter(
    ({ page, language, text }) =>
      language === 'sql' && !page.endsWith('getting-started.md') && text.startsWith('CREATE TABLE'),
  );
  for (const shard of shards) {
    const connection = await createConnection(cluster.shards[shard].primary.url);
    await connection.query(ddl[shard.startsWith('tx') ? 1 : 0]?.text ?? '');
    for (const { text } of broadcast) await connection.query(text);
    await connection.end();
  }
}

beforeAll(async () => {
  cluster = await startLocalCluster({ shards });
  await createTables();
  mkdirSync(folder, { recursive: true });
  const [topology] = blocks.filter(
    ({ page, language }) => page.endsWith('getting-started.md') && language === 'json',
  );
  writeFileSync(`${folder}/topology.json`, topology?.text ?? '');
  writeFileSync(
    `${folder}/tsconfig.json`,
    JSON.stringify({ extends: '../../tsconfig.json', include: ['*.ts'] }),
  );
  for (const { file, text } of [...scripts, ...code]) {
    if (file !== undefined) writeFileSync(`${folder}/${file}`, text);
  }
  const runner = fileURLToPath(new URL('../support/docs/page-runner.ts', import.meta.url));
  const [program = '', ...rest] = await bundlePrograms([
    runner,
    ...scripts.map(({ file }) => `${folder}/${file}`),
  ]);
  programs = rest;
  const url = (shard: (typeof shards)[number]) => cluster.shards[shard].primary.url;
  settings = {
    cwd: folder,
    env: {
      ...process.env,
      EU_1_URL: url('eu-1'),
      US_1_URL: url('us-1'),
      TX_1_URL: url('tx-1'),
      TX_2_URL: url('tx-2'),
      REDIS_URL: cluster.redis.url,
    },
  };
  shared = new PageProcess(program, settings);
});

afterAll(async () => {
  await shared.stop();
  rmSync(folder, { recursive: true, force: true });
  await cluster.stop();
});

test('the example of the README has at most 30 lines', () => {
  const example = scripts.find(({ page }) => page === 'README.md');
  expect(example?.text.trimEnd().split('\n').length).toBeLessThanOrEqual(30);
});

test('the code of every page compiles', async () => {
  const { stdout } = await run('npx', ['tsc', '--noEmit', '-p', folder], { cwd: root }).catch(
    ({ stdout: errors }: { stdout: string }) => ({ stdout: errors }),
  );
  const named = stdout.replace(
    /\S*page-(\d+)\.ts/g,
    (_, index: string) => scripts[Number(index)]?.page ?? '?',
  );
  expect(named).toBe('');
}, 60_000);

// A page that speaks of its process runs in one of its own.
const isOfItsProcess = (text: string) => /process\.(?!env\b)/.test(text);

test.each(scripts.map((script, index) => ({ ...script, index })))(
  'the code of $page runs',
  async ({ index, text }) => {
    // Each page is a service of its own: what the one before said of its tables is over.
    for (const shard of shards) {
      const connection = await createConnection(cluster.shards[shard].primary.url);
      await connection.query('DROP TABLE IF EXISTS meridian_facts');
      await connection.end();
    }
    const program = programs[index] ?? '';
    if (isOfItsProcess(text)) await run(process.execPath, [program], settings);
    else await shared.run(program);
  },
  60_000,
);

test('what pages quote of the example services is what they say', () => {
  const plain = (text: string) => text.replace(/\s+/g, ' ').trim();
  const services = readdirSync(`${root}/examples`, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => plain(readFileSync(`${root}/examples/${file}`, 'utf8')));
  const quotes = blocks.filter(({ language }) => language === 'typescript');
  expect(quotes.length).toBeGreaterThan(0);
  const wrong = quotes.filter(({ text }) => !services.some((file) => file.includes(plain(text))));
  expect(wrong.map(({ name }) => name)).toEqual([]);
});

test('every relative link of a page leads to a file', () => {
  const linking = new Set(['README.md', 'CONTRIBUTING.md', ...blocks.map(({ page }) => page)]);
  const broken = [...linking].flatMap((page) => {
    const text = readFileSync(`${root}/${page}`, 'utf8');
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link = '']) => link);
    const base = page.includes('/') ? page.slice(0, page.lastIndexOf('/')) : '.';
    return links
      .filter((link) => !existsSync(`${root}/${base}/${link}`))
      .map((link) => `${page}: ${link}`);
  });
  expect(broken).toEqual([]);
});
