import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';

/** A certificate with its key, in PEM. */
export interface Certified {
  readonly certificate: string;
  readonly key: string;
}

/** Made for one test, and believed by nobody else. */
export interface Authority {
  /** Its own certificate, in PEM. */
  readonly certificate: string;
  /** A certificate for hosts, DNS names or IPv4 addresses, that is valid for a day. */
  issue(...hosts: string[]): Certified;
}

const dayMs = 86_400_000;
const tag = {
  sequence: 0x30,
  set: 0x31,
  integer: 0x02,
  bits: 0x03,
  bytes: 0x04,
  oid: 0x06,
} as const;
const isTrue = Buffer.from([0x01, 0x01, 0xff]);
const ecdsaWithSha256 = der(tag.sequence, oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));

export function createAuthority(name = 'Authority of a test'): Authority {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const own = extension([0x55, 0x1d, 0x13], der(tag.sequence, isTrue), isTrue);
  return {
    certificate: certificateOf({ name, publicKey, extensions: [own] }, name, privateKey),
    issue(...hosts) {
      const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const names = extension([0x55, 0x1d, 0x11], der(tag.sequence, ...hosts.map(hostName)));
      const subject = { name: hosts.join(' '), publicKey: keys.publicKey, extensions: [names] };
      return {
        certificate: certificateOf(subject, name, privateKey),
        key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      };
    },
  };
}

interface Subject {
  readonly name: string;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

/** X.509, version 3, as RFC 5280 has it. */
function certificateOf(subject: Subject, issuer: string, signer: KeyObject): string {
  const validity = [Date.now() - dayMs, Date.now() + dayMs].map(utcTime);
  const body = der(
    tag.sequence,
    der(0xa0, der(tag.integer, Buffer.from([2]))),
    der(tag.integer, Buffer.concat([Buffer.from([0x01]), randomBytes(15)])),
    ecdsaWithSha256,
    distinguished(issuer),
    der(tag.sequence, ...validity),
    distinguished(subject.name),
    subject.publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(tag.sequence, ...subject.extensions)),
  );
  const signature = der(tag.bits, Buffer.from([0]), sign('sha256', body, signer));
  const bytes = der(tag.sequence, body, ecdsaWithSha256, signature);
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

function distinguished(commonName: string): Buffer {
  const pair = der(tag.sequence, oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from(commonName)));
  return der(tag.sequence, der(tag.set, pair));
}

function extension(id: readonly number[], value: Buffer, critical = Buffer.alloc(0)): Buffer {
  return der(tag.sequence, oid(...id), critical, der(tag.bytes, value));
}

function hostName(host: string): Buffer {
  return isIP(host) === 4
    ? der(0x87, Buffer.from(host.split('.').map(Number)))
    : der(0x82, Buffer.from(host));
}

function utcTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/\D/g, '').slice(2, 14);
  return der(0x17, Buffer.from(`${digits}Z`));
}

function oid(...bytes: number[]): Buffer {
  return der(tag.oid, Buffer.from(bytes));
}

function der(type: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([type, ...size]), content]);
}
