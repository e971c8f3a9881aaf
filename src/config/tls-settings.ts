import { z } from 'zod';
import type { TlsOptions } from '../tls/tls-options.ts';
import { strictObject } from './strict-object.ts';

const pem = z.string().min(1, 'is empty; give PEM text or the path of a PEM file');

/**
 * Certificates of the servers that a data layer uses.
 *
 * @example
 * const tls: ServerTlsOptions = {
 *   mysql: { ca: '/etc/tls/mysql-ca.pem' },
 *   redis: { ca: '/etc/tls/redis-ca.pem', minVersion: 'TLSv1.2' },
 * };
 * await createDataLayer({ ...options, tls });
 */
export interface ServerTlsOptions {
  /** Of the databases whose URL says `?tls=verify`. */
  mysql?: TlsOptions;
  /** Of Redis given as `rediss://`. A client of yours has its own. */
  redis?: TlsOptions;
}

/** TLS as users write it; what the files hold is looked at where they are read. */
export const tlsSettings = strictObject({
  ca: pem.optional(),
  cert: pem.optional(),
  key: pem.optional(),
  minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).optional(),
});
