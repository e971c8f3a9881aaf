import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type LocalCluster, startLocalCluster } from 'meridian/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readEndpointUrl } from '../../../src/config/endpoint-url.ts';
import { askAdministrator } from '../../../src/mysql/server/ask-administrator.ts';
import { ping } from '../../../src/mysql/server/ping.ts';
import { Certificates } from '../../../src/tls/certificates.ts';
import { programFile } from '../../support/programs.ts';
import { ServerSessions } from '../../support/servers/server-sessions.ts';
import { type MysqlTlsProxy, startMysqlTlsProxy } from '../../support/tls/mysql-tls-proxy.ts';
import { serverCertificates } from '../../support/tls/server-certificates.ts';

type Name = keyof typeof serverCertificates;

let cluster: LocalCluster<'one'>;
let folder: string;
const proxies = new Map<Name, MysqlTlsProxy>();

beforeAll(async () => {
  cluster = await startLocalCluster({ shards: ['one'] });
  const { url } = cluster.shards.one.primary;
  // MySQL lets a user in by a hash once it has seen the password.
  const sessions = new ServerSessions();
  (await sessions.acquire(sessions.pool(url))).release();
  await sessions.close();
  folder = await mkdtemp(join(tmpdir(), 'meridian-names-'));
  const authorities = Object.values(serverCertificates).map(({ certificate }) => certificate);
  await writeFile(join(folder, 'authorities.pem'), authorities.join(''));
  for (const name of ['localhost', '127.0.0.1', 'other.example'] as const) {
    proxies.set(name, await startMysqlTlsProxy(url, serverCertificates[name]));
  }
});

afterAll(async () => {
  await Promise.all([...proxies.values()].map((proxy) => proxy.close()));
  await cluster.stop();
  await rm(folder, { recursive: true, force: true });
});

function proxyOf(name: Name): MysqlTlsProxy {
  const proxy = proxies.get(name);
  if (proxy === undefined) throw new TypeError(`no proxy has a certificate for ${name}`);
  return proxy;
}

/** What a process that trusts all three certificates makes of a server that shows one of them. */
async function connecting(certificate: Name, host: string): Promise<string> {
  const url = new URL(cluster.shards.one.primary.url);
  url.host = `${host}:${proxyOf(certificate).port}`;
  url.search = '?tls=verify';
  const bundle = await programFile(
    fileURLToPath(new URL('../../support/tls/endpoint-client.ts', import.meta.url)),
  );
  const env = {
    ...process.env,
    NODE_OPTIONS: '',
    NODE_EXTRA_CA_CERTS: join(folder, 'authorities.pem'),
  };
  const { stdout } = await promisify(execFile)(process.execPath, [bundle, url.href], { env });
  return String(JSON.parse(stdout));
}

it.each([
  ['localhost', 'localhost'],
  ['127.0.0.1', '127.0.0.1'],
] as const)(
  'tls=verify lets a server with a certificate for %s be %s',
  async (certificate, host) => {
    expect(await connecting(certificate, host)).toBe('connected');
  },
);

it.each([
  ['other.example', 'localhost'],
  ['other.example', '127.0.0.1'],
  ['127.0.0.1', 'localhost'],
  ['localhost', '127.0.0.1'],
] as const)(
  'tls=verify tells a server with a certificate for %s that means to be %s nothing',
  async (certificate, host) => {
    const before = proxyOf(certificate).logins;
    expect(await connecting(certificate, host)).toMatch(/does not match certificate's altnames/);
    expect(proxyOf(certificate).logins).toBe(before);
  },
);

it.each([
  ['localhost', 'localhost', true],
  ['127.0.0.1', '127.0.0.1', true],
  ['localhost', '127.0.0.1', false],
  ['127.0.0.1', 'localhost', false],
  ['other.example', '127.0.0.1', false],
] as const)(
  'a probe, and who asks an administrator, takes a certificate for %s as one of %s: %s',
  async (certificate, host, isTaken) => {
    const { port } = proxyOf(certificate);
    const ca = join(folder, 'authorities.pem');
    const certificates = new Certificates({ ca }, 'tls', () => undefined);
    const read = readEndpointUrl(cluster.shards.one.primary.url);
    if (typeof read === 'string') throw new TypeError(read);
    const address = { ...read, host, port, tls: 'verify', certificates } as const;
    const before = proxyOf(certificate).logins;
    const asked = [ping(address, 5_000), askAdministrator(address, ['SELECT 1'], 5_000)];
    const settled = (await Promise.allSettled(asked)).map(({ status }) => status);
    expect(settled).toEqual(Array(2).fill(isTaken ? 'fulfilled' : 'rejected'));
    expect(proxyOf(certificate).logins - before).toBe(isTaken ? 2 : 0);
  },
);
