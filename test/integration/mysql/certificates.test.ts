import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createDataLayer, defineTable, type ServerTlsOptions } from 'meridian';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { codeBlocks } from '../../support/docs/code-blocks.ts';
import { eventually } from '../../support/eventually.ts';
import { createAuthority } from '../../support/tls/authority.ts';
import { startTlsServers, type TlsServers } from '../../support/tls/tls-servers.ts';

const hosts = ['localhost', '127.0.0.1'];
const old = createAuthority('The old authority');
const next = createAuthority('The new authority');
const tables = {
  notes: defineTable({
    name: 'notes',
    keyspace: 'all',
    primaryKey: 'id',
    schema: z.object({ id: z.uuid(), text: z.string() }),
    cache: { ttlMs: 60_000, memory: false },
  }),
};
let servers: TlsServers;
/** A service's own files. */
let folder: string;

beforeAll(async () => {
  servers = await startTlsServers(old.issue(...hosts), old.certificate + next.certificate);
  await servers.run('CREATE TABLE app.notes (id CHAR(36) PRIMARY KEY, text VARCHAR(100) NOT NULL)');
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meridian-service-'));
  await writeFile(join(folder, 'ca.pem'), old.certificate);
  await writeFile(join(folder, 'new-ca.pem'), next.certificate);
  await servers.show(old.issue(...hosts));
  return () => rm(folder, { recursive: true, force: true });
});

afterAll(() => servers?.stop());

const believing = (ca: string, more: ServerTlsOptions['mysql'] = {}): ServerTlsOptions => ({
  mysql: { ca, ...more },
  redis: { ca },
});

/** Without TLS. */
async function redisCli(...args: string[]): Promise<void> {
  await promisify(execFile)('redis-cli', ['-u', servers.plainRedisUrl, ...args]);
}

function open(tls: ServerTlsOptions, startupTimeoutMs = 10_000) {
  const events: string[] = [];
  return createDataLayer({
    topology: {
      epoch: 1,
      regions: { eu: { code: 1, location: [50, 9] } },
      shards: { one: { region: 'eu', primary: servers.url } },
      keyspaces: { all: { code: 1, strategy: 'hash', shards: ['one'] } },
    },
    tables,
    redis: servers.redisUrl,
    tls,
    systemTables: 'create',
    startupTimeoutMs,
    logger: false,
    observers: [(event) => void ('message' in event && events.push(event.message))],
  }).then((data) => ({ data, events }));
}

it('a database and a Redis are spoken to by TLS 1.3, whose authority is a file', async () => {
  const { data } = await open(believing(join(folder, 'ca.pem')));
  const { id } = await data.notes.insert({ text: 'kept' });
  expect(await data.notes.get(id)).toMatchObject({ text: 'kept' });
  expect(data.health().redis).toEqual({ redis: 'up' });
  const [status] = await data.notes.at(id).query("SHOW STATUS LIKE 'Ssl_version'");
  expect(Object.values(status ?? {})).toContain('TLSv1.3');
  await data.close();
});

it('a certificate for another name is not believed, of neither', async () => {
  await servers.show(old.issue('other.example'));
  const refused = open(believing(old.certificate), 1_000);
  await expect(refused).rejects.toThrow(/does not match certificate's altnames/);
  await servers.show(old.issue(...hosts));
  const { data } = await open({ mysql: { ca: old.certificate }, redis: { ca: next.certificate } });
  expect(data.health().redis).toEqual({ redis: 'down' });
  await data.close();
});

it('a Redis whose certificate is for another name is not used, beside a database with the right one', async () => {
  const other = old.issue('other.example');
  const [cert, key] = [join(folder, 'other.pem'), join(folder, 'other-key.pem')];
  await writeFile(cert, other.certificate);
  await writeFile(key, other.key);
  await redisCli('CONFIG', 'SET', 'tls-cert-file', cert, 'tls-key-file', key);
  const { data } = await open(believing(old.certificate));
  expect(data.health().redis).toEqual({ redis: 'down' });
  await data.close();
});

it('an authority that is not the one given is not believed, nor that of Node beside it', async () => {
  await expect(open(believing(next.certificate), 1_000)).rejects.toThrow(/certificate/);
  await expect(open({}, 1_000)).rejects.toThrow(/certificate/);
});

it('files that make no sense are refused before anything is opened, with their paths', async () => {
  const tls = believing(join(folder, 'none.pem'), { cert: old.certificate });
  await expect(open(tls)).rejects.toMatchObject({
    problems: [{ path: 'tls.mysql.ca', message: expect.stringMatching(/ENOENT/) }],
  });
});

it('a server that speaks no TLS newer than 1.2 is spoken to only where that was said', async () => {
  const protocols = (...names: string[]) =>
    redisCli('CONFIG', 'SET', 'tls-protocols', names.join(' '));
  await protocols('TLSv1.2');
  const redisOf = async (redis: ServerTlsOptions['redis'] = {}) => {
    const { data } = await open({ mysql: { ca: old.certificate }, redis });
    const { redis: state } = data.health().redis;
    await data.close();
    return state;
  };
  expect(await redisOf({ ca: old.certificate })).toBe('down');
  expect(await redisOf({ ca: old.certificate, minVersion: 'TLSv1.2' })).toBe('up');
  await protocols('TLSv1.2', 'TLSv1.3');
});

/** The blocks of the runbook, in their order, for the database that this is. */
function runbook(): { readonly language: string; readonly text: string }[] {
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const other = servers.flavor === 'mariadb' ? 'ALTER INSTANCE RELOAD TLS' : 'FLUSH SSL';
  return codeBlocks(root).filter(
    ({ page, language, text }) =>
      page === 'docs/guides/certificates.md' && language !== 'ts' && !text.startsWith(other),
  );
}

async function runStep({ language, text }: { language: string; text: string }): Promise<void> {
  if (language === 'sql') return servers.run(text);
  const cwd = /server|redis/.test(text) ? servers.folder : folder;
  const env = { ...process.env, REDIS_URL: servers.plainRedisUrl };
  await promisify(execFile)('sh', ['-ec', text], { cwd, env });
}

it('certificates of servers and services are rotated under load as the guide says, and no call fails', async () => {
  const issued = next.issue(...hosts);
  await writeFile(join(servers.folder, 'new-server.pem'), issued.certificate);
  await writeFile(join(servers.folder, 'new-server-key.pem'), issued.key);
  for (const [name, { certificate, key }] of [
    ['client', old.issue('shop')],
    ['new-client', next.issue('shop')],
  ] as const) {
    await writeFile(join(folder, `${name}.pem`), certificate);
    await writeFile(join(folder, `${name}-key.pem`), key);
  }
  const path = (name: string) => join(folder, name);
  const own = { cert: path('client.pem'), key: path('client-key.pem') };
  const { username } = new URL(servers.url);
  await servers.run(`ALTER USER '${username}'@'%' REQUIRE X509`);
  await expect(open(believing(path('ca.pem')), 1_000)).rejects.toThrow(/refused|denied/i);
  const { data, events } = await open(believing(path('ca.pem'), own));
  let isOver = false;
  let calls = 0;
  const failures: unknown[] = [];
  const client = async () => {
    while (!isOver) {
      try {
        const { id } = await data.notes.insert({ text: 'under load' });
        if ((await data.notes.get(id)) === null)
          failures.push('a row that was written is not there');
      } catch (error) {
        failures.push(error);
      }
      calls++;
    }
  };
  const clients = [client(), client()];
  for (const step of runbook()) {
    await runStep(step);
    // More at once than before: connections are opened with what is in force now.
    clients.push(client(), client());
    const begun = calls;
    await eventually(() => expect(calls).toBeGreaterThan(begun + 50), { timeout: 20_000 });
  }
  isOver = true;
  await Promise.all(clients);
  expect(failures).toEqual([]);
  // A connection that was opened between two files went by the pair before them, and said so.
  expect(events.filter((message) => !message.includes('can not be used'))).toEqual([]);
  const { data: anew } = await open(believing(path('ca.pem'), own));
  expect(anew.health().redis).toEqual({ redis: 'up' });
  await anew.close();
  await data.close();
  await servers.run(`ALTER USER '${username}'@'%' REQUIRE NONE`);
  // Who knows the old authority only knows these servers no more.
  await expect(open(believing(old.certificate), 1_000)).rejects.toThrow(/certificate/);
}, 90_000);
