import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { templateOf } from '../../../src/cache/redis/links/redis-client.ts';
import { readEndpointUrl } from '../../../src/config/endpoint-url.ts';
import { checkRedis, redisUrl } from '../../../src/config/given-redis.ts';
import type { Problem } from '../../../src/errors/config-error.ts';
import { Certificates } from '../../../src/tls/certificates.ts';
import { createAuthority } from '../../support/tls/authority.ts';

const authority = createAuthority();
const [first, second] = [authority.issue('one'), authority.issue('two')];
let folder: string;
const path = (name: string) => join(folder, name);
const faults: string[] = [];
const certificatesOf = (options: ConstructorParameters<typeof Certificates>[0]) =>
  new Certificates(options, 'tls.mysql', ({ message }) => faults.push(message));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meridian-pem-'));
  faults.length = 0;
  return () => rmSync(folder, { recursive: true });
});

it('files are read anew once they were replaced, and the pair that fitted last is used until they fit', () => {
  writeFileSync(path('cert.pem'), first.certificate);
  writeFileSync(path('key.pem'), first.key);
  const certificates = certificatesOf({ cert: path('cert.pem'), key: path('key.pem') });
  const before = certificates.forConnection();
  expect(certificates.forConnection()).toBe(before);
  writeFileSync(path('new.pem'), second.certificate);
  renameSync(path('new.pem'), path('cert.pem'));
  expect(certificates.forConnection()).toEqual({
    minVersion: 'TLSv1.3',
    rejectUnauthorized: true,
    cert: first.certificate,
    key: first.key,
  });
  certificates.forConnection();
  expect(faults).toEqual([expect.stringMatching(/can not be used: .*key values mismatch/)]);
  writeFileSync(path('key.pem'), second.key);
  expect(certificates.forConnection()).toMatchObject({ cert: second.certificate, key: second.key });
  rmSync(path('cert.pem'));
  expect(certificates.forConnection()).toMatchObject({ cert: second.certificate, key: second.key });
  expect(faults).toHaveLength(2);
  expect(faults.join()).not.toContain('PRIVATE KEY');
});

it.each([
  ['half', (ca: string) => ca.slice(0, 200)],
  ['without its last line', (ca: string) => ca.slice(0, -30)],
  ['a whole one and half of another', (ca: string) => `${ca}${ca.slice(0, 200)}`],
  ['half of one and a whole one', (ca: string) => `${ca.slice(0, 200)}\n${ca}`],
  ['a key', () => first.key],
  ['no certificate inside', () => '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
])('a file of authorities that is %s is waited out, and refused at a start', (_, broken) => {
  const { certificate: ca } = authority;
  writeFileSync(path('ca.pem'), `# of a test\n${ca}${createAuthority('Another').certificate}`);
  const certificates = certificatesOf({ ca: path('ca.pem') });
  const before = certificates.forConnection();
  writeFileSync(path('ca.pem'), broken(ca));
  expect(certificates.forConnection()).toBe(before);
  expect(() => certificatesOf({ ca: path('ca.pem') })).toThrow(/tls.mysql.ca: holds no whole/);
  writeFileSync(path('ca.pem'), ca);
  expect(certificates.forConnection()).toMatchObject({ ca });
  expect(faults).toHaveLength(1);
});

it('texts are used as they are', () => {
  const { certificate: ca } = authority;
  const certificates = certificatesOf({ ca, cert: first.certificate, key: first.key });
  expect(certificates.forConnection()).toMatchObject({
    ca,
    cert: first.certificate,
    key: first.key,
  });
});

it.each([
  [{ cert: first.certificate, key: second.key }, /key values mismatch/],
  [{ key: first.key }, /tls.mysql.cert: is missing/],
  [{ ca: '/no/such/ca.pem' }, /tls.mysql.ca: '\/no\/such\/ca.pem' can not be read: ENOENT/],
  [{ ca: 'package.json' }, /holds no PEM text/],
])('certificates that are of no use are refused, %#', (options, message) => {
  expect(() => certificatesOf(options)).toThrow(message);
});

it.each([
  ['h', undefined],
  ['10.0.0.7:3307', undefined],
  ['127.0.0.1.example', undefined],
  ['localhost.example', undefined],
  ['[fe80::1]', undefined],
  ['localhost', 'off'],
  ['127.9.9.9', 'off'],
  ['[::1]:3307', 'off'],
])(
  'a database at %s is spoken to without TLS only where nothing can be heard, or by its word',
  (host, tls) => {
    const url = `mysql://app:s3cret@${host}/db`;
    const read = readEndpointUrl(url);
    if (tls === undefined)
      expect(read).toMatch(/leads to another machine.*\?tls=verify, or \?tls=off/);
    else expect(read).toMatchObject({ tls });
    expect(readEndpointUrl(`${url}?tls=off`)).toMatchObject({ tls: 'off' });
    expect(readEndpointUrl(`${url}?tls=verify`)).toMatchObject({ tls: 'verify' });
  },
);

it.each([
  ['redis://cache.internal', /leads to another machine in plain text/],
  ['rediss://cache.internal?tls=off', /is rediss:\/\/ and says tls=off/],
  ['redis://cache.internal?tls=verify', /unknown tls mode/],
  ['redis://cache.internal?tls=off', undefined],
  ['rediss://cache.internal', undefined],
  ['redis://localhost:6380', undefined],
])('a Redis at %s is spoken to in plain text only by its word', (url, message) => {
  const problems: Problem[] = [];
  checkRedis(url, 'redis', problems);
  expect(problems).toEqual(
    message ? [{ path: 'redis', message: expect.stringMatching(message) }] : [],
  );
});

it('ioredis lets no server pass, whatever a variable of Node says', () => {
  expect(templateOf('rediss://cache.internal').options).toMatchObject({
    tls: { rejectUnauthorized: true },
  });
});

it('ioredis is not told of tls=off, which it would take for a profile', () => {
  expect(redisUrl('redis://u:p%40@h:1/2?tls=off&family=6')).toBe('redis://u:p%40@h:1/2?family=6');
});
