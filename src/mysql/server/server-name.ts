import type { Socket } from 'node:net';
import { checkServerIdentity, TLSSocket } from 'node:tls';
import { DriverFault } from '../../errors/driver-fault.ts';

/**
 * Tells Node whom a socket is to lead to. mysql2 has Node compare the certificate before the login, but
 * names the host only where it is no IP address; without it Node compares with what the socket was
 * connected by name to, and with `localhost` where that was none.
 */
export function namedAs(host: string, socket: Socket): Socket {
  return Object.assign(socket, { _host: host });
}

/**
 * Compares the certificate once more, whichever way the driver or Node went about it.
 *
 * @throws {DriverFault} when there is none, or it is not for this host.
 */
export function assertServerName(host: string, stream: unknown): void {
  if (!(stream instanceof TLSSocket)) {
    throw new DriverFault('the connection is not encrypted', { phase: 'connecting' });
  }
  const mismatch = checkServerIdentity(host, stream.getPeerCertificate());
  if (mismatch === undefined) return;
  throw new DriverFault(mismatch.message, { phase: 'connecting', code: 'HANDSHAKE_SSL_ERROR' });
}
