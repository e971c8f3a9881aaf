import { endpointLabel } from '../../config/endpoint-url.ts';
import { DriverFault } from '../../errors/driver-fault.ts';
import type { Ended } from '../../errors/meridian-error.ts';
import { serverCode } from '../../errors/server-codes.ts';
import type { Ask } from '../sql/sql.ts';
import type { Cancellation } from './cancellation.ts';
import type { ServerAddress } from './connection-options.ts';
import { driverFault } from './driver-error.ts';
import { OpeningGate } from './opening-gate.ts';
import { OrphanedThreads } from './orphaned-threads.ts';
import { ServerConnection } from './server-connection.ts';
import { type ConnectionOwner, Session } from './session.ts';
import { settledWithin } from './settled-within.ts';
import type { OnStatement } from './statement-watch.ts';

export interface EndpointPoolConfig {
  /** Connections at most, and one more for nested questions that find none free. */
  readonly connections: number;
  readonly connectTimeoutMs: number;
  readonly debugErrors?: boolean | undefined;
  /** Told of what went wrong beside any caller: a KILL that failed, a connection that died idle. */
  readonly onFault: (error: Error) => void;
  /** Told of each statement; undefined while nobody wants to know. */
  readonly onStatement?: OnStatement | undefined;
  /** Told how long it took to have a connection, or not to have one; undefined while nobody wants to know. */
  readonly onAcquired?: ((durationMs: number, isDone: boolean) => void) | undefined;
}

/** The connections that there are. */
export interface PoolSnapshot {
  /** Open, or opening. */
  readonly connections: number;
  readonly idle: number;
  readonly maxConnections: number;
}

interface Waiter {
  readonly take: (connection: ServerConnection) => void;
  readonly fail: (fault: DriverFault) => void;
}

const goodbyeMs = 500;

/** ER_ACCESS_DENIED_ERROR. */
const refusedLogin = 1045;

/**
 * The connections to one server. Opens them when needed, a few at a time, and keeps them. While the
 * server has no room for more, callers use those that there are; without any they are refused.
 */
export class EndpointPool implements ConnectionOwner {
  /** `host:port/database`, fit for logs. */
  readonly label: string;
  readonly #address: ServerAddress;
  readonly #config: EndpointPoolConfig;
  readonly #orphans: OrphanedThreads;
  readonly #gate = new OpeningGate();
  /** All that count against the limit: in the making, idle, in use, about to be killed. */
  readonly #all = new Set<ServerConnection>();
  /** The one used last is given out first, so that a quiet pool keeps few of them warm. */
  readonly #idle: ServerConnection[] = [];
  /** In the order of their coming. */
  readonly #waiting = new Set<Waiter>();
  #verify: ((ask: Ask) => Promise<void>) | undefined;
  /** Opened before it was known what they must lead to. */
  readonly #unverified = new WeakSet<ServerConnection>();
  #fullServer: DriverFault | undefined;
  #afterPause: NodeJS.Timeout | undefined;
  /** Raised by the first nested question that finds none free. Others hold no more than `connections` at once. */
  #limit: number;
  #isRetired = false;
  #closed = false;

  constructor(address: ServerAddress, config: EndpointPoolConfig) {
    this.label = endpointLabel(address);
    this.#address = address;
    this.#config = config;
    this.#limit = config.connections;
    this.#orphans = new OrphanedThreads(address, config.connectTimeoutMs, config.onFault);
  }

  /**
   * Takes a connection out of the pool, opening one if there is room; `isNested`: for who may hold one.
   * Rejects with a DriverFault when none can be opened, or with the cancellation's reason.
   */
  acquire(cancellation: Cancellation, isNested = false): Promise<Session> {
    const { onAcquired, connections } = this.#config;
    const isStarved = isNested && this.#idle.length === 0 && this.#all.size >= connections;
    if (isStarved) this.#limit = connections + 1;
    if (onAcquired === undefined) return this.#acquire(cancellation);
    const startedAt = performance.now();
    const told = (isDone: boolean) => onAcquired(performance.now() - startedAt, isDone);
    const acquired = this.#acquire(cancellation);
    acquired.then(
      () => told(true),
      () => told(false),
    );
    return acquired;
  }

  #acquire(cancellation: Cancellation): Promise<Session> {
    return new Promise((resolve, reject) => {
      if (cancellation.reason !== undefined) return reject(cancellation.reason);
      if (this.#closed) return reject(closedFault());
      const idle = this.#takeIdle();
      if (idle !== undefined) return resolve(this.#session(idle));
      const stopListening = cancellation.onCancel((reason) => {
        this.#waiting.delete(waiter);
        reject(reason);
      });
      const waiter: Waiter = {
        take: (connection) => {
          stopListening();
          resolve(this.#session(connection));
        },
        fail: (fault) => {
          stopListening();
          reject(fault);
        },
      };
      this.#waiting.add(waiter);
      this.#serve();
    });
  }

  #session(connection: ServerConnection): Session {
    return new Session(connection, this, this.#config.onStatement);
  }

  snapshot(): PoolSnapshot {
    return { connections: this.#all.size, idle: this.#idle.length, maxConnections: this.#limit };
  }

  /**
   * From now on only connections are given out of which `verify` finds nothing to throw; those that
   * there are go.
   */
  require(verify: (ask: Ask) => Promise<void>): void {
    this.#verify = verify;
    for (const connection of this.#all) this.#unverified.add(connection);
    for (const connection of this.#idle.splice(0)) this.#drop(connection);
  }

  takeBack(connection: ServerConnection, usable: boolean): void {
    const isKept = usable && connection.isAlive && !this.#unverified.has(connection);
    // A retired pool keeps none but for those who wait.
    if (this.#closed || !isKept || (this.#isRetired && this.#waiting.size === 0)) {
      this.#drop(connection);
      return;
    }
    this.#idle.push(connection);
    this.#serve();
  }

  quarantine(connection: ServerConnection): void {
    const { facts } = connection;
    void this.#orphans.add({ facts, close: () => this.#drop(connection) });
  }

  /** Resolves when nothing that was given up or cut off until now runs on the server any more, or nobody asks. */
  quiet(): Promise<Ended> {
    return this.#orphans.ended();
  }

  /**
   * Keeps no connection any more: idle ones are closed at once, others when they are given back. Who still
   * asks, a call on an older snapshot, is served.
   */
  retire(): void {
    this.#isRetired = true;
    for (const connection of this.#idle.splice(0)) this.#drop(connection);
  }

  /** Its address is named again: it keeps its connections as ever. */
  reinstate(): void {
    this.#isRetired = false;
  }

  /** Closes every connection, with whatever still runs on it. */
  async close(): Promise<void> {
    await settledWithin(goodbyeMs, this.quiet());
    this.#orphans.close();
    this.#shut();
    const leaving = [...this.#all];
    for (const connection of leaving) connection.end();
    // A connection in its handshake, or a server that is gone, can't say goodbye.
    await settledWithin(goodbyeMs, Promise.all(leaving.map(({ closed }) => closed)));
    for (const connection of leaving) this.#drop(connection);
  }

  #shut(): void {
    this.#closed = true;
    clearTimeout(this.#afterPause);
    this.#refuse(this.#waiting, closedFault());
  }

  /** Gives connections to those who wait, and opens as many as they lack and the server may bear. */
  #serve(): void {
    for (const waiter of this.#waiting) {
      const idle = this.#takeIdle();
      if (idle === undefined) break;
      this.#waiting.delete(waiter);
      waiter.take(idle);
    }
    while (
      this.#waiting.size > this.#gate.opening &&
      this.#all.size < this.#limit &&
      this.#gate.isOpen
    ) {
      void this.#open();
    }
    if (this.#waiting.size === 0 || this.#gate.pauseMs === 0) return;
    if (this.#all.size === 0 && this.#fullServer !== undefined) {
      this.#refuse(this.#waiting, this.#fullServer);
      return;
    }
    this.#afterPause ??= setTimeout(() => {
      this.#afterPause = undefined;
      this.#serve();
    }, this.#gate.pauseMs);
  }

  /** @param isAgain after a login that was refused: a password that was changed just now is asked for anew. */
  async #open(isAgain = false): Promise<void> {
    const { connectTimeoutMs, debugErrors } = this.#config;
    this.#gate.begin();
    const connection = new ServerConnection(this.#address, {
      timeoutMs: connectTimeoutMs,
      verify: this.#verify,
      debugErrors,
    });
    this.#all.add(connection);
    try {
      await connection.ready;
    } catch (error) {
      this.#all.delete(connection);
      const fault = driverFault(error, 'connecting');
      const mayLogIn = fault.errno === refusedLogin && this.#address.credentials !== undefined;
      if (!mayLogIn || isAgain) return this.#couldNotOpen(fault);
      this.#gate.failed(false);
      return this.#open(true);
    }
    this.#gate.succeeded();
    if (this.#closed) {
      this.#drop(connection);
      return;
    }
    void connection.closed.then((fault) => this.#ended(connection, fault));
    this.takeBack(connection, true);
  }

  #couldNotOpen(fault: DriverFault): void {
    const full = fault.errno !== undefined && serverCode(fault.errno).kind === 'overload';
    this.#gate.failed(full);
    if (full) {
      this.#fullServer = fault;
    } else {
      const [oldest] = this.#waiting;
      // Where one after the other fails, all who wait do so in vain.
      const failed = this.#gate.isFailing ? this.#waiting : oldest === undefined ? [] : [oldest];
      this.#refuse(failed, fault);
    }
    this.#serve();
  }

  #refuse(waiters: Iterable<Waiter>, fault: DriverFault): void {
    for (const waiter of waiters) if (this.#waiting.delete(waiter)) waiter.fail(fault);
  }

  #takeIdle(): ServerConnection | undefined {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined || connection.isAlive) return connection;
      this.#drop(connection);
    }
  }

  /** Its server, or what is between, closed it. */
  #ended(connection: ServerConnection, fault: DriverFault | undefined): void {
    if (fault === undefined) return;
    this.#gate.lost();
    const at = this.#idle.indexOf(connection);
    if (at >= 0) {
      this.#idle.splice(at, 1);
      this.#config.onFault(fault);
    }
    this.#all.delete(connection);
    this.#serve();
  }

  #drop(connection: ServerConnection): void {
    connection.destroy();
    if (this.#all.delete(connection) && !this.#closed) this.#serve();
  }
}

function closedFault(): DriverFault {
  return new DriverFault('The pool is closed.', { phase: 'queued' });
}
