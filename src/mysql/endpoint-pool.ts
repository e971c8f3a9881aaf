import mysql, { type Pool, type PoolConnection } from 'mysql2';
import { type EndpointAddress, endpointLabel } from '../config/endpoint-url.ts';
import type { Cancellation } from './cancellation.ts';
import { connectionOptions, sessionSetup } from './connection-options.ts';
import { driverFault } from './driver-error.ts';
import { type ConnectionOwner, Session } from './session.ts';
import { StatementKiller } from './statement-killer.ts';

export interface EndpointPoolConfig {
  /** Connections at most; also how many statements may run at once. */
  readonly connections: number;
  readonly connectTimeoutMs: number;
  /** Told of what went wrong beside any caller: a KILL that failed, a connection that died idle. */
  readonly onFault: (error: Error) => void;
}

const goodbyeMs = 500;

/** The connections to one server. Opens them when needed and keeps them. */
export class EndpointPool implements ConnectionOwner {
  /** `host:port/database`, fit for logs. */
  readonly label: string;
  readonly #pool: Pool;
  readonly #killer: StatementKiller;
  readonly #onFault: (error: Error) => void;
  readonly #open = new Set<PoolConnection>();

  constructor(address: EndpointAddress, config: EndpointPoolConfig) {
    this.label = endpointLabel(address);
    this.#onFault = config.onFault;
    this.#killer = new StatementKiller(address, config.connectTimeoutMs, config.onFault);
    this.#pool = mysql.createPool({
      ...connectionOptions(address, config.connectTimeoutMs),
      connectionLimit: config.connections,
      maxIdle: config.connections,
    });
  }

  /** Takes a connection out of the pool, opening one if there is room. */
  acquire(cancellation: Cancellation): Promise<Session> {
    return new Promise((resolve, reject) => {
      if (cancellation.reason !== undefined) return reject(cancellation.reason);
      let given = false;
      const stopListening = cancellation.onCancel((reason) => {
        given = true;
        reject(reason);
      });
      this.#pool.getConnection((error, connection) => {
        if (error) {
          stopListening();
          return reject(driverFault(error, 'connecting'));
        }
        this.#prepare(connection, (fault) => {
          stopListening();
          if (fault !== undefined) return reject(fault);
          // The caller left while the connection was on its way: it is as good as new.
          if (given) return connection.release();
          resolve(new Session(connection, this));
        });
      });
    });
  }

  takeBack(connection: PoolConnection, usable: boolean): void {
    if (usable) connection.release();
    else this.#drop(connection);
  }

  quarantine(connection: PoolConnection): void {
    this.#killer.kill({ threadId: connection.threadId, close: () => this.#drop(connection) });
  }

  /** Resolves when nothing that was given up runs on the server any more. */
  quiet(): Promise<void> {
    return this.#killer.idle();
  }

  /** Closes every connection, with whatever still runs on it. */
  async close(): Promise<void> {
    await this.quiet();
    await new Promise<void>((resolve) => {
      // A connection in its handshake, or a server that is gone, can't say goodbye.
      const patience = setTimeout(resolve, goodbyeMs);
      this.#pool.end((error) => {
        clearTimeout(patience);
        if (error) this.#onFault(driverFault(error, 'queued'));
        resolve();
      });
    });
    for (const connection of this.#open) this.#drop(connection);
  }

  /** Sets a new connection up; one that was used before is ready. */
  #prepare(connection: PoolConnection, ready: (fault?: Error) => void): void {
    if (this.#open.has(connection)) {
      ready();
      return;
    }
    this.#open.add(connection);
    connection.on('error', (error) => {
      this.#open.delete(connection);
      this.#onFault(driverFault(error, 'queued'));
    });
    connection.on('end', () => this.#open.delete(connection));
    connection.query(sessionSetup, (error) => {
      if (!error) return ready();
      this.#drop(connection);
      ready(driverFault(error, 'connecting'));
    });
  }

  #drop(connection: PoolConnection): void {
    this.#open.delete(connection);
    connection.destroy();
  }
}
