import { type AddressInfo, createServer, type Server } from 'node:net';
import { TestingError } from '../testing-error.ts';
import { ChaosConnection, type Target } from './chaos-connection.ts';
import {
  type AwaitedFault,
  ChaosFaults,
  type Direction,
  type Fault,
  type StatementPattern,
} from './chaos-faults.ts';

/**
 * Before which server a proxy stands.
 *
 * @example
 * await startChaosProxy({ target: '127.0.0.1:3306' });
 */
export interface ChaosProxyOptions {
  /** Where to pass connections on: `host:port`, or a URL such as a server's `url`. */
  readonly target: string;
}

/**
 * A TCP proxy on a loopback port that can be given the faults of a network. A fault acts at once
 * and on all connections, open and new; one of the same kind replaces the one before.
 *
 * @example
 * const proxy: ChaosProxy = await startChaosProxy({ target: server.url });
 * const url = proxy.urlFor(server.url);
 * proxy.blackHole();
 * proxy.heal();
 */
export interface ChaosProxy {
  readonly host: string;
  readonly port: number;
  /** How many connections of clients the proxy keeps open. */
  readonly connections: number;

  /** The same URL through the proxy. */
  urlFor(url: string): string;

  /**
   * Delays everything by `ms`, in each direction, without changing its order. `jitterMs` varies the
   * delay by up to as much to either side, the same way in each run. Default 0.
   */
  latency(ms: number, jitterMs?: number): Fault;

  /** Limits each direction of each connection to so many bytes per second. */
  bandwidth(bytesPerSecond: number): Fault;

  /**
   * Lets nothing pass: connections stay open and new ones are accepted, as when packets are lost.
   * What is sent meanwhile, an end of the connection included, is held, and flows when it is
   * undone, as retransmitted packets would.
   */
  blackHole(): Fault;

  /** Ends all open connections, on both sides, with a TCP reset. */
  reset(): void;

  /** Resets each new connection at once; open ones stay. */
  refuse(): Fault;

  /**
   * Ends each connection once `bytes` more have passed through it. The bytes up to there arrive.
   * Counted in one direction, or by default in both together.
   */
  cutAfter(bytes: number, direction?: Direction): Fault;

  /** {@link dropReplyTo} for the next `COMMIT`. */
  dropNextCommitReply(): AwaitedFault;

  /**
   * Lets the next statement that matches reach the server, waits for the reply, swallows it and
   * resets the client's connection: the client cannot know what became of the statement. Happens
   * once. Understands the MySQL protocol: queries and executed prepared statements.
   */
  dropReplyTo(pattern: StatementPattern): AwaitedFault;

  /** Switches all faults off. */
  heal(): void;

  /** Ends all connections and frees the port. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a proxy before a server, for tests of what a failing network does.
 *
 * A server that does not accept shows as a connection that is accepted and then reset.
 *
 * @throws TestingError when the target names no host and port.
 *
 * @example
 * await using proxy = await startChaosProxy({ target: server.url });
 * const connectTo = proxy.urlFor(server.url);
 * proxy.latency(200);
 */
export async function startChaosProxy(options: ChaosProxyOptions): Promise<ChaosProxy> {
  const target = targetOf(options.target);
  const connections = new Set<ChaosConnection>();
  const faults = new ChaosFaults(() => {
    for (const connection of connections) connection.pump();
  });
  let closing = false;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    // One that the kernel had accepted before the proxy was closed would keep it open for ever.
    if (closing || faults.settings.refuse) {
      client.resetAndDestroy();
      return;
    }
    const connection = new ChaosConnection(client, target, faults);
    connections.add(connection);
    void connection.closed.then(() => connections.delete(connection));
  });
  const { address: host, port } = await listen(server);
  // Its connections keep the process alive; waiting for more of them must not.
  server.unref();

  const close = async () => {
    closing = true;
    const closed = [...connections].map((connection) => connection.closed);
    const stopped = new Promise((resolve) => server.close(resolve));
    faults.abandonDrops('The proxy was closed before a statement matched.');
    for (const connection of connections) connection.reset();
    await Promise.all([stopped, ...closed]);
  };
  return {
    host,
    port,
    get connections() {
      return connections.size;
    },
    urlFor: (url) => {
      const through = new URL(url);
      through.host = `${host}:${port}`;
      return through.href;
    },
    latency: (ms, jitterMs = 0) => faults.set('latency', { ms, jitterMs }),
    bandwidth: (bytesPerSecond) => {
      if (!(bytesPerSecond > 0)) {
        throw new TestingError('bandwidth() takes a number of bytes per second above 0.');
      }
      return faults.set('bandwidth', { bytesPerSecond });
    },
    blackHole: () => faults.set('blackHole', {}),
    reset: () => {
      for (const connection of connections) connection.reset();
    },
    refuse: () => faults.set('refuse', {}),
    cutAfter: (bytes, direction) => faults.set('cut', { bytes, direction }),
    dropNextCommitReply: () => faults.dropReplyTo(/^commit\s*;?$/i),
    dropReplyTo: (pattern) => faults.dropReplyTo(pattern),
    heal: () => faults.heal(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function targetOf(text: string): Target {
  const address = text.includes('://') ? text : `tcp://${text}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url?.hostname || !url.port) {
    throw new TestingError(`A proxy's target is 'host:port' or a URL with a port, not '${text}'.`);
  }
  // The brackets of an IPv6 address belong to the URL only.
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) };
}

function listen(server: Server): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, () => {
      const address = server.address();
      if (address === null || typeof address === 'string') {
        reject(new TestingError('A proxy has no TCP address.'));
      } else resolve(address);
    });
  });
}
