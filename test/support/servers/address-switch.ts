import { connect, createServer, type Socket } from 'node:net';

/** An address that leads to one server, and after a failover to another: a virtual IP, or a DNS name. */
export interface AddressSwitch {
  readonly url: string;
  /** New connections go there; open ones stay where they are. */
  leadTo(url: string): void;
  close(): Promise<void>;
}

export async function addressOf(url: string): Promise<AddressSwitch> {
  let target = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new TypeError('a TCP server has a port');
  const through = new URL(url);
  through.host = `127.0.0.1:${address.port}`;
  return {
    url: through.href,
    leadTo(next) {
      target = new URL(next);
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
