import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

export interface MysqlTlsProxy {
  readonly port: number;
  /** How many clients have sent who they are: past a certificate that they believed. */
  readonly logins: number;
  close(): Promise<void>;
}

interface Certified {
  readonly certificate: string;
  readonly key: string;
}

const headerBytes = 4;
const sslRequestBytes = headerBytes + 32;
/** CLIENT_SSL, in the second byte of the capabilities. */
const sslFlag = 0x08;

/** A MySQL server with a certificate: speaks TLS with clients as the protocol wants it, and none with the server. */
export async function startMysqlTlsProxy(
  target: string,
  { certificate, key }: Certified,
): Promise<MysqlTlsProxy> {
  const { hostname, port: targetPort } = new URL(target);
  const sockets = new Set<Duplex>();
  let logins = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(targetPort), hostname);
    const end = () => [client, upstream].map((socket) => socket.destroy());
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', end).on('close', end);
    }
    void greet(client, upstream).then(() => {
      const secure = new TLSSocket(client, { isServer: true, key, cert: certificate });
      secure.on('error', end);
      pass(secure, upstream, (packet) => {
        if (packet.readUInt8(3) === 1) {
          logins++;
          packet.writeUInt8(packet.readUInt8(headerBytes + 1) & ~sslFlag, headerBytes + 1);
        }
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    get logins() {
      return logins;
    },
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** Hands the greeting on, with the offer of TLS, and takes the client's request for it. */
async function greet(client: Socket, upstream: Socket): Promise<void> {
  const greeting = await readBytes(upstream, () => packetBytes(upstream));
  const version = greeting.indexOf(0, headerBytes + 1);
  // Behind it: the connection's number (4), the first part of the nonce (8), a zero, capabilities.
  const flags = version + 1 + 4 + 8 + 1 + 1;
  greeting.writeUInt8(greeting.readUInt8(flags) | sslFlag, flags);
  client.write(greeting);
  await readBytes(client, () => sslRequestBytes);
}

/** The client counts one packet more than the server, the request for TLS, until it is let in. */
function pass(client: Duplex, upstream: Socket, seen: (packet: Buffer) => void): void {
  let greeted = false;
  const forward = (from: Duplex, to: Duplex, shift: number, look: (packet: Buffer) => void) => {
    let rest = Buffer.alloc(0);
    from.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (!greeted && rest.length >= headerBytes) {
        const end = headerBytes + rest.readUIntLE(0, 3);
        if (rest.length < end) return;
        const packet = rest.subarray(0, end);
        rest = rest.subarray(end);
        packet.writeUInt8(packet.readUInt8(3) + shift, 3);
        look(packet);
        to.write(packet);
      }
      if (rest.length > 0) to.write(rest);
      rest = Buffer.alloc(0);
    });
  };
  forward(client, upstream, -1, seen);
  forward(upstream, client, 1, (packet) => {
    greeted = [0x00, 0xff].includes(packet.readUInt8(headerBytes));
  });
}

function packetBytes(socket: Socket): number | undefined {
  const header: Buffer | null = socket.read(headerBytes);
  if (header === null) return undefined;
  socket.unshift(header);
  return headerBytes + header.readUIntLE(0, 3);
}

/** Waits for so many bytes, and leaves the others to the next reader. */
async function readBytes(socket: Socket, length: () => number | undefined): Promise<Buffer> {
  for (;;) {
    const bytes = length();
    const read: Buffer | null = bytes === undefined ? null : socket.read(bytes);
    if (read !== null) return read;
    await once(socket, 'readable');
  }
}
