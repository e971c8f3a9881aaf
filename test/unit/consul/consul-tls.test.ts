import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { consulTopology } from 'meridian/consul';
import { afterEach, expect, it, vi } from 'vitest';
import { createAuthority } from '../../support/tls/authority.ts';

const authority = createAuthority();
const { certificate: ca } = authority;
let server: Server | undefined;

/** A Consul that wants to know who asks. It answers with that name. */
async function startConsul(host: string, options: object = {}): Promise<string> {
  const { certificate: cert, key } = authority.issue(host);
  server = createServer({ cert, key, ca, requestCert: true, ...options }, (request, response) => {
    const { socket } = request;
    const peer = socket instanceof TLSSocket ? socket.getPeerCertificate().subject?.CN : undefined;
    const token = request.headers['x-consul-token'];
    response.end(JSON.stringify({ epoch: 1, peer, token }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return `https://127.0.0.1:${port}`;
}

afterEach(async () => {
  vi.unstubAllEnvs();
  server?.closeAllConnections();
  server?.close();
});

const load = (url: string, tls: object) =>
  consulTopology({ url, key: 'k', token: 's3cret', tls }).load();

it('Consul is asked by TLS, with a certificate that is read anew once it was replaced', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'meridian-consul-tls-'));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const show = (name: string) => {
    const own = authority.issue(name);
    writeFileSync(cert, own.certificate);
    writeFileSync(key, own.key);
  };
  show('first');
  const source = consulTopology({
    url: await startConsul('127.0.0.1', { rejectUnauthorized: true }),
    key: 'k',
    token: 's3cret',
    tls: { ca, cert, key },
  });
  expect(await source.load()).toEqual({ epoch: 1, peer: 'first', token: 's3cret' });
  show('second');
  expect(await source.load()).toMatchObject({ peer: 'second' });
  // Half of a rotation: it is told by one question, and the next go by the pair before.
  writeFileSync(cert, authority.issue('third').certificate);
  await expect(source.load()).rejects.toThrow(/key values mismatch/);
  expect(await source.load()).toMatchObject({ peer: 'second' });
  rmSync(folder, { recursive: true });
});

it.each([
  ['another name', 'other.example', { ca }, {}, /ERR_TLS_CERT_ALTNAME_INVALID/],
  [
    'an unknown authority',
    '127.0.0.1',
    { ca: createAuthority('Another').certificate },
    {},
    /CERT|SIGNATURE|ISSUER/,
  ],
  ['no TLS newer than 1.2', '127.0.0.1', { ca }, { maxVersion: 'TLSv1.2' }, /can not be asked/],
])('a Consul with %s is told nothing', async (_, host, tls, options, message) => {
  const url = await startConsul(host, options);
  let requests = 0;
  server?.on('request', () => requests++);
  await expect(load(url, tls)).rejects.toThrow(message);
  expect(requests).toBe(0);
});

it('a variable of Node that lets everybody pass lets nobody pass', async () => {
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  const url = await startConsul('127.0.0.1', { rejectUnauthorized: false });
  let requests = 0;
  server?.on('request', () => requests++);
  await expect(load(url, {})).rejects.toThrow(/UNABLE_TO_VERIFY|SELF_SIGNED|ISSUER/);
  expect(requests).toBe(0);
});

it('TLS 1.2 is spoken where that was said', async () => {
  const url = await startConsul('127.0.0.1', { maxVersion: 'TLSv1.2', rejectUnauthorized: false });
  expect(await load(url, { ca, minVersion: 'TLSv1.2' })).toMatchObject({ epoch: 1 });
});
