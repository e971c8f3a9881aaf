import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';

/** Made for these tests, for localhost, and trusted by nobody else. Valid from 2020 to 2120. */
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBaDCCAQ2gAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
c3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGKddau25wy4P2xZ
HF1Mgy837g+iSEVGOY3bTsdFPJup1Tb6xNXccCmxMvz4FwNNb8gj3wM8O2TfFcqo
oHqAvJajTjBMMBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAAATAPBgNVHRMBAf8E
BTADAQH/MB0GA1UdDgQWBBRLPs/LtGhxb8VhLv85jJ9RcwXvijAKBggqhkjOPQQD
AgNJADBGAiEAm0pjHR7axUpx7eCDxelSEUYTWJkxrnLQCLcfsxE5w8wCIQCXrSDA
z7l5RTHNaky+zSzCmQcRstWDSvdtqHKeMY37WQ==
-----END CERTIFICATE-----
`;
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgbReGRoHEbrFPWnoP
Y0WxoPSMC/A6Nfo/218kQOfOHOShRANCAARinXWrtucMuD9sWRxdTIMvN+4PokhF
RjmN207HRTybqdU2+sTV3HApsTL8+BcDTW/II98DPDtk3xXKqKB6gLyW
-----END PRIVATE KEY-----
`;

export interface TlsProxy {
  readonly port: number;
  close(): Promise<void>;
}

/** Speaks TLS on a port of its own, and passes on what it hears to a local one. */
export async function startTlsProxy(targetPort: number): Promise<TlsProxy> {
  const sockets = new Set<TLSSocket>();
  const server = createServer({ key, cert: certificate }, (socket) => {
    const upstream = connect(targetPort, '127.0.0.1');
    sockets.add(socket);
    socket.pipe(upstream).pipe(socket);
    socket.on('error', () => upstream.destroy());
    upstream.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
