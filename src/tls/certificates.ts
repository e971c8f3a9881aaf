import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext, type SecureVersion } from 'node:tls';
import { ConfigError, type Problem } from '../errors/config-error.ts';
import type { TlsOptions } from './tls-options.ts';

/** What `tls.connect` is given. */
export interface ConnectionCertificates {
  readonly minVersion: SecureVersion;
  /** Said, or NODE_TLS_REJECT_UNAUTHORIZED=0 would let every server have the password. */
  readonly rejectUnauthorized: true;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

type Part = 'ca' | 'cert' | 'key';

const parts = ['ca', 'cert', 'key'] as const;
/** An authority's bundle has some 200 kB. */
const maxBytes = 4 * 1024 * 1024;

/**
 * Certificates and keys of PEM texts and files. Files are read anew when they have changed; while what they hold
 * does not fit together, because only one of them was replaced yet say, what fitted last is used.
 */
export class Certificates {
  readonly #options: TlsOptions;
  readonly #path: string;
  readonly #onFault: (error: ConfigError) => void;
  #current: ConnectionCertificates;
  /** The state of the files that was looked at last, whatever they held. */
  #seen: string;

  /**
   * @param path where the options stand, for messages.
   * @param onFault told once of each state of the files that can't be used.
   * @throws {ConfigError} when a file can't be read, or certificate and key don't belong together.
   */
  constructor(options: TlsOptions, path: string, onFault: (error: ConfigError) => void) {
    this.#options = options;
    this.#onFault = onFault;
    this.#path = path;
    this.#seen = this.#mark();
    this.#current = this.#read();
  }

  /** What the connection that is opened now goes by. A file costs one stat, unless it has changed. */
  forConnection(): ConnectionCertificates {
    const mark = this.#mark();
    if (mark === this.#seen) return this.#current;
    this.#seen = mark;
    try {
      this.#current = this.#read();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.#onFault(error);
    }
    return this.#current;
  }

  #mark(): string {
    return parts.map((part) => markOf(this.#options[part])).join('|');
  }

  #read(): ConnectionCertificates {
    const problems: Problem[] = [];
    const read = parts.flatMap((part) => {
      const given = this.#options[part];
      if (given === undefined) return [];
      const text = textOf(given);
      if (typeof text === 'string') return [[part, text] as const];
      problems.push({ path: `${this.#path}.${part}`, message: text.message });
      return [];
    });
    const { minVersion = 'TLSv1.3' } = this.#options;
    const checked = { minVersion, rejectUnauthorized: true } as const;
    const certificates: ConnectionCertificates = { ...checked, ...Object.fromEntries(read) };
    if (problems.length === 0) problems.push(...unfit(certificates, this.#path));
    if (problems.length > 0) throw new ConfigError('Bad certificates', problems);
    return certificates;
  }
}

/** Those of Node's own authorities, and none of this process's. */
export const systemCertificates = new Certificates({}, 'tls', () => undefined);

/** A PEM text says so in its first line; everything else is a path. */
function isText(given: string): boolean {
  return given.includes('-----BEGIN ');
}

/** Tells two states of a file apart without reading it, also where a link leads elsewhere. */
function markOf(given: string | undefined): string {
  if (given === undefined || isText(given)) return '';
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(given, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    return reasonOf(error);
  }
}

function textOf(given: string): string | { readonly message: string } {
  if (isText(given)) return given;
  try {
    const { size } = statSync(given);
    if (size > maxBytes)
      return { message: `has ${size} bytes; a PEM file has ${maxBytes} at most` };
    const text = readFileSync(given, 'utf8');
    return isText(text) ? text : { message: `'${given}' holds no PEM text` };
  } catch (error) {
    return { message: `'${given}' can not be read: ${reasonOf(error)}` };
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'for no stated reason';
}

/** What speaks against them together. The reasons of OpenSSL quote nothing of a key. */
function unfit(certificates: ConnectionCertificates, path: string): Problem[] {
  const { ca, cert, key } = certificates;
  if (ca !== undefined && !holdsAuthorities(ca)) {
    const message = 'holds no whole certificate, or one that is cut off: it may be half-written';
    return [{ path: `${path}.ca`, message }];
  }
  if ((cert === undefined) !== (key === undefined)) {
    const missing: Part = cert === undefined ? 'cert' : 'key';
    return [
      { path: `${path}.${missing}`, message: 'is missing; a certificate and its key go together' },
    ];
  }
  try {
    createSecureContext(certificates);
    return [];
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'for no stated reason';
    return [{ path, message: `can not be used: ${reason}` }];
  }
}

const pemBlock = /-----BEGIN ([^-]+)-----[^-]*-----END \1-----/g;

/** OpenSSL passes over what it can't read, and would believe nobody, or fewer than were meant. */
function holdsAuthorities(text: string): boolean {
  const blocks = [...text.matchAll(pemBlock)];
  if (blocks.length !== text.split('-----BEGIN ').length - 1) return false;
  const authorities = blocks.filter(([, label]) => label?.endsWith('CERTIFICATE'));
  return authorities.length > 0 && authorities.every(([block]) => isCertificate(block));
}

function isCertificate(block: string): boolean {
  try {
    return new X509Certificate(block).subject !== undefined;
  } catch {
    return false;
  }
}
