import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type LocalCluster, startLocalCluster } from 'meridian/testing';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { codeBlocks } from '../../support/docs/code-blocks.ts';
import { eventually } from '../../support/eventually.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const shards = ['eu-1', 'us-1', 'tx-1', 'tx-2'] as const;
/** The files of the guide that the examples begin with. */
const guide = new Map(codeBlocks(root).map(({ file, text }) => [file, text]));

let cluster: LocalCluster<(typeof shards)[number]>;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  cluster = await startLocalCluster({ shards });
  env = {
    ...process.env,
    TSX_TSCONFIG_PATH: `${root}/tsconfig.json`,
    REDIS_URL: cluster.redis.url,
  };
  for (const shard of shards) {
    const { url } = cluster.shards[shard].primary;
    env[`${shard.toUpperCase().replace('-', '_')}_URL`] = url;
    const connection = await createConnection(url);
    await connection.query(guide.get(shard.startsWith('tx') ? 'ledger.sql' : 'people.sql') ?? '');
    await connection.end();
  }
});

afterAll(() => cluster.stop());

const ada = { country: 'DE', name: 'Ada' };
const Made = z.object({ id: z.uuid() });
const program = (file: string) => ['--import', 'tsx', file];

async function output(example: string, file: string): Promise<string> {
  const cwd = `${root}/examples/${example}`;
  const { stdout } = await promisify(execFile)(process.execPath, program(file), { cwd, env });
  return stdout;
}

it('quickstart: rows of two regions, and why they are where they are', async () => {
  const printed = await output('quickstart', 'quickstart.ts');
  expect(printed).toMatch(/Ada: .* is on eu-1 in eu\nGrace: .* is on us-1 in us\n/);
  expect(printed).toMatch(/name: 'Ada Lovelace', country: 'DE'.*name: 'Grace', country: 'US'/s);
}, 60_000);

it('kysely-compiler: what its comments say is what it prints', async () => {
  const source = readFileSync(`${root}/examples/kysely-compiler/main.ts`, 'utf8');
  const said = [...source.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text);
  expect(said).toHaveLength(3);
  expect((await output('kysely-compiler', 'main.ts')).trim().split('\n')).toEqual(said);
});

it.each(['fastify', 'nestjs', 'kysely-compiler'])('%s has the topology of the guide', (example) => {
  const topology = readFileSync(`${root}/examples/${example}/topology.json`, 'utf8');
  expect(topology).toBe(guide.get('topology.json'));
});

async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe.each(['fastify', 'nestjs'])('%s', (example) => {
  let service: ChildProcess;
  let url: string;

  beforeAll(async () => {
    const port = await unusedPort();
    url = `http://127.0.0.1:${port}`;
    service = spawn(process.execPath, program('main.ts'), {
      cwd: `${root}/examples/${example}`,
      env: { ...env, PORT: String(port) },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    await eventually(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200), {
      timeout: 30_000,
    });
  });

  afterAll(() => {
    service.kill('SIGKILL');
  });

  const send = (method: string, path: string, body: unknown) =>
    fetch(`${url}${path}`, {
      method,
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });

  it('stores, changes and finds a user', async () => {
    const made = await send('POST', '/users', ada);
    expect(made.status).toBe(201);
    const { id } = Made.parse(await made.json());
    expect((await send('PATCH', `/users/${id}`, { name: 'Ada L.' })).status).toBe(204);
    const found = await fetch(`${url}/users/${id}`);
    expect(await found.json()).toEqual({ id, country: 'DE', name: 'Ada L.' });
    expect((await fetch(`${url}/livez`)).status).toBe(200);
  });

  it('answers what can’t be as what it is', async () => {
    expect((await send('POST', '/users', { country: 'Germany' })).status).toBe(400);
    expect((await send('POST', '/users', { country: 'XX', name: 'Ada' })).status).toBe(400);
    expect((await fetch(`${url}/users/nobody`)).status).toBe(400);
    // A UUID of somebody else's names no shard; one of the same slot names no row.
    const foreign = '018f3c5e-1111-7222-8333-444455556666';
    expect((await fetch(`${url}/users/${foreign}`)).status).toBe(400);
    const { id } = Made.parse(await (await send('POST', '/users', ada)).json());
    const unknown = `${id.slice(0, -1)}${id.endsWith('0') ? '1' : '0'}`;
    expect((await fetch(`${url}/users/${unknown}`)).status).toBe(404);
    expect((await fetch(`${url}/nothing`)).status).toBe(404);
  });

  it('says 503 and when to come again while a shard is down', async () => {
    const made = await send('POST', '/users', { country: 'US', name: 'Grace' });
    const { id } = Made.parse(await made.json());
    await cluster.shards['us-1'].primary.kill();
    const answer = await send('PATCH', `/users/${id}`, { name: 'G.' });
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    await cluster.shards['us-1'].primary.restart();
  });

  it('ends by itself on SIGTERM', async () => {
    const ended = once(service, 'exit');
    service.kill('SIGTERM');
    const [code, signal] = await ended;
    expect(code === 0 || signal === 'SIGTERM').toBe(true);
  });
});
