import type { ConnectionOptions } from 'mysql2';
import type { EndpointAddress } from '../../config/endpoint-url.ts';
import { type Certificates, systemCertificates } from '../../tls/certificates.ts';

/** A server to connect to, and what TLS with it goes by. */
export interface ServerAddress extends EndpointAddress {
  /** Default: those of Node's own authorities. */
  readonly certificates?: Certificates | undefined;
  /** Asked at each opening; undefined: those of the address. */
  readonly credentials?: (() => Promise<Credentials>) | undefined;
}

/** Who a connection is opened as. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

export function isLogin(given: unknown): given is Credentials {
  if (typeof given !== 'object' || given === null) return false;
  if (!('user' in given && 'password' in given)) return false;
  const { user, password } = given;
  return typeof user === 'string' && user !== '' && typeof password === 'string';
}

/**
 * How every connection is opened. Big integers and decimals come back as text, times as UTC, so
 * that nothing is rounded before the schema has decided what a column becomes.
 */
export function connectionOptions(address: ServerAddress): ConnectionOptions {
  const { certificates = systemCertificates } = address;
  return {
    host: address.host,
    port: address.port,
    user: address.user,
    password: address.password,
    database: address.database,
    // None: whoever opens a connection has one clock for the handshake and what follows.
    connectTimeout: 0,
    charset: 'utf8mb4_bin',
    supportBigNumbers: true,
    bigNumberStrings: true,
    timezone: 'Z',
    // As text, which alone is exact: see read-times.ts.
    dateStrings: true,
    jsonStrings: true,
    flags: ['SESSION_TRACK'],
    // A server has 16,382 for all its connections; the driver alone would keep 16,000 of each.
    maxPreparedStatements: 250,
    ...(address.tls === 'verify' && {
      ssl: { ...certificates.forConnection(), verifyIdentity: true },
    }),
  };
}
