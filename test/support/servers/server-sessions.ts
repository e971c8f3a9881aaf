import { type Connection, createConnection } from 'mysql2/promise';
import { readEndpointUrl } from '../../../src/config/endpoint-url.ts';
import { EndpointPool } from '../../../src/mysql/server/endpoint-pool.ts';
import type { Session } from '../../../src/mysql/server/session.ts';
import type { SqlValue } from '../../../src/mysql/sql/sql.ts';
import { Deadline } from '../../../src/resilience/time/deadline.ts';

/** Pools and sessions below the data layer, for tests of what servers answer to them. */
export class ServerSessions {
  readonly faults: Error[] = [];
  readonly #pools: EndpointPool[] = [];
  readonly #admins: Connection[] = [];
  readonly #deadlines: Deadline[] = [];

  pool(url: string, connections = 1, connectTimeoutMs = 2_000): EndpointPool {
    const address = readEndpointUrl(url);
    if (typeof address === 'string') throw new TypeError(address);
    const pool = new EndpointPool(address, {
      connections,
      connectTimeoutMs,
      onFault: (fault) => this.faults.push(fault),
    });
    this.#pools.push(pool);
    return pool;
  }

  deadline(timeoutMs = 20_000): Deadline {
    const deadline = new Deadline(timeoutMs);
    this.#deadlines.push(deadline);
    return deadline;
  }

  acquire(pool: EndpointPool): Promise<Session> {
    return pool.acquire(this.deadline());
  }

  run(session: Session, sql: string, params: readonly SqlValue[] = []) {
    return session.run({ sql, params, once: true }, this.deadline());
  }

  /** The server's id of the session's connection. */
  async idOf(session: Session): Promise<number> {
    const { rows } = await this.run(session, 'SELECT CONNECTION_ID() AS id');
    return Number(rows[0]?.id);
  }

  /** A connection past Meridian that stays open. */
  async admin(url: string): Promise<Connection> {
    const connection = await createConnection(url);
    this.#admins.push(connection);
    return connection;
  }

  async close(): Promise<void> {
    for (const deadline of this.#deadlines) deadline.end();
    for (const connection of this.#admins) connection.destroy();
    await Promise.all(this.#pools.map((pool) => pool.close()));
  }
}
