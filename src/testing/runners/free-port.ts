import { createSocket, type Socket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { TestingError } from '../testing-error.ts';

/** The TCP ports of one cluster; each stays ours while its server is down. */
export class PortReservations {
  readonly #held = new Map<number, Socket>();

  /**
   * Reserves a free port of the loopback interface.
   *
   * @throws TestingError when no free port is found.
   */
  async reserve(): Promise<number> {
    const highest = (await firstEphemeralPort()) - 1;
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const port = lowest + Math.floor(Math.random() * (highest - lowest));
      const reservation = await bindUdp(port);
      if (!reservation) continue;
      if (await acceptsTcp(port)) {
        this.#held.set(port, reservation);
        return port;
      }
      reservation.close();
    }
    throw new TestingError(`No free port was found between ${lowest} and ${highest}.`);
  }

  release(port: number): void {
    this.#held.get(port)?.close();
    this.#held.delete(port);
  }

  releaseAll(): void {
    for (const port of [...this.#held.keys()]) this.release(port);
  }
}

const lowest = 15_000;
const attempts = 200;

/**
 * Ports the kernel gives to outgoing connections are left out: a client that keeps trying a killed
 * server could get that very port as its own, and the server could not come back.
 */
async function firstEphemeralPort(): Promise<number> {
  const common = 32_768;
  if (process.platform !== 'linux') return common;
  const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
  const first = Number(range.trim().split(/\s+/)[0]);
  // A machine may hand out nearly all ports; then there is no safe range to choose from.
  return first > lowest + attempts ? first : common;
}

/**
 * The reservation is the UDP port of the same number: it keeps other clusters away, those of other
 * processes too, and the kernel ends it with this process.
 */
function bindUdp(port: number): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close();
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined);
      else reject(error);
    });
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => resolve(socket.unref()));
  });
}

function acceptsTcp(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.close(() => resolve(true));
    });
  });
}
