import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';

/** Made for these tests, for localhost, and trusted by nobody else. Valid until 2126. */
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUIV9WV/nh8Z018WmL243kcb7Hq08wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzA1NDA0MloYDzIxMjYxMDMw
MDU0MDQyWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATXZFqeT9lf70MaODDfLAcTUDpAuIlINBWPlh6o6Hbz2Y5IWnUd0Pet
IbGGImX9XGHwkfjGIS6A4AHpPI7I+nb5o28wbTAdBgNVHQ4EFgQUsz8xopktiWt4
oA7UcUatdBVThgYwHwYDVR0jBBgwFoAUsz8xopktiWt4oA7UcUatdBVThgYwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIhALwYdX1XuGE1XZDIKZtcCLnTssWMaANxzTeLsOTQjheIAiAz
GIhFVcMSmPwSbQ5SpqRhKYYz+k2JiqjbVwZ5WP9waA==
-----END CERTIFICATE-----
`;
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQghLegHAlMv4bH9UNK
Zejc8+VRDxrHqARaM6UykW7808WhRANCAATXZFqeT9lf70MaODDfLAcTUDpAuIlI
NBWPlh6o6Hbz2Y5IWnUd0PetIbGGImX9XGHwkfjGIS6A4AHpPI7I+nb5
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
