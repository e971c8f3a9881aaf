import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface NumberingProxy {
  /** The target's URL, by way of the proxy. */
  readonly url: string;
  /** The number with which clients are greeted from now on. */
  greetAs(number: number): void;
  close(): Promise<void>;
}

const headerBytes = 4;

/** Hands everything on, but greets clients with a number of its own, as proxies do that count for themselves. */
export async function startNumberingProxy(target: string): Promise<NumberingProxy> {
  const through = new URL(target);
  const { hostname, port } = through;
  const sockets = new Set<Socket>();
  let number = 999_999;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    const end = () => [client, upstream].map((socket) => socket.destroy());
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', end).on('close', end);
    }
    client.pipe(upstream);
    let greeting = Buffer.alloc(0);
    const greet = (chunk: Buffer) => {
      greeting = Buffer.concat([greeting, chunk]);
      if (
        greeting.length < headerBytes ||
        greeting.length < headerBytes + greeting.readUIntLE(0, 3)
      )
        return;
      // Behind the protocol's version and the server's, which ends in a zero.
      greeting.writeUInt32LE(number, greeting.indexOf(0, headerBytes + 1) + 1);
      upstream.off('data', greet);
      client.write(greeting);
      upstream.pipe(client);
    };
    upstream.on('data', greet);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  through.hostname = '127.0.0.1';
  through.port = String((server.address() as AddressInfo).port);
  return {
    url: through.href,
    greetAs(other) {
      number = other;
    },
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
