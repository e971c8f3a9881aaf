import type { PoolConnection } from 'mysql2';
import { DriverFault, type Phase } from '../errors/driver-fault.ts';
import { bindParameters } from './bind.ts';
import type { Cancellation } from './cancellation.ts';
import { driverFault } from './driver-error.ts';
import { readColumns, readResult } from './read-result.ts';
import type { RawRow, ResultColumn, Statement, StatementResult } from './sql.ts';

/** The server answers with these and then closes the connection: shutdown, killed, read and write errors. */
const closing = new Set([1053, 1158, 1159, 1160, 1161, 1927, 4031]);

const noSuchTable = 1146;

/** Where a session's connection comes from and goes back to. */
export interface ConnectionOwner {
  /** Takes it back, or closes it when it is not to be trusted any more. */
  takeBack(connection: PoolConnection, usable: boolean): void;
  /** Takes it out of use: kills what runs on it, then closes it. */
  quarantine(connection: PoolConnection): void;
}

/**
 * One connection while it is in one caller's hands. A session that failed, or was left while a
 * statement ran, never goes back to the pool.
 */
export class Session {
  /** How far the newest statement came; what a cancelled write may have done is read off it. */
  phase: Phase = 'queued';
  readonly #connection: PoolConnection;
  readonly #owner: ConnectionOwner;
  #usable = true;
  #released = false;

  constructor(connection: PoolConnection, owner: ConnectionOwner) {
    this.#connection = connection;
    this.#owner = owner;
  }

  /** Stands for the connection, for what is to be remembered of it. */
  get connection(): object {
    return this.#connection;
  }

  /** Runs a prepared statement. Rejects with a DriverFault, or with the cancellation's reason. */
  run({ sql, params, once }: Statement, cancellation: Cancellation): Promise<StatementResult> {
    const bound = bindParameters(params);
    const send = () =>
      this.#send(cancellation, 'sent', (done) => this.#connection.execute(sql, bound, done));
    const result = send().catch((error: unknown) => {
      // MariaDB says so of tables that are there to what was prepared before triggers were defined.
      if (!(error instanceof DriverFault) || error.errno !== noSuchTable || !this.#usable)
        throw error;
      this.#forget(sql);
      return send();
    });
    return once ? result.finally(() => this.#forget(sql)) : result;
  }

  #forget(sql: string): void {
    if (this.#usable && !this.#released) this.#connection.unprepare(sql);
  }

  /** Runs transaction control over the text protocol; `phase` is `committing` for COMMIT. */
  control(
    sql: string,
    cancellation: Cancellation,
    phase: Phase = 'sent',
  ): Promise<StatementResult> {
    return this.#send(cancellation, phase, (done) => this.#connection.query(sql, done));
  }

  #send(
    cancellation: Cancellation,
    phase: Phase,
    send: (done: (error: unknown, rows: unknown, columns: unknown) => void) => void,
  ): Promise<StatementResult> {
    return new Promise((resolve, reject) => {
      if (cancellation.reason !== undefined) return reject(cancellation.reason);
      const stopListening = cancellation.onCancel((reason) => {
        this.discard();
        reject(reason);
      });
      this.phase = phase;
      send((error, rows, columns) => {
        stopListening();
        if (!error) return resolve(readResult(rows, columns));
        const fault = driverFault(error, phase, this.#connection.threadId);
        this.phase = fault.phase;
        if (fault.errno === undefined || closing.has(fault.errno)) this.#usable = false;
        reject(fault);
      });
    });
  }

  /**
   * Rows as they arrive; the socket is read no faster than they are taken. Leaving early takes the
   * connection out of use: draining what nobody wants could take for ever.
   */
  async *stream(
    { sql, params }: Statement,
    cancellation: Cancellation,
    onColumns: (columns: readonly ResultColumn[]) => void,
  ): AsyncGenerator<RawRow, void, undefined> {
    if (cancellation.reason !== undefined) throw cancellation.reason;
    this.phase = 'sent';
    const command = this.#connection.execute(sql, bindParameters(params));
    command.on('fields', (fields: unknown) => onColumns(readColumns(fields)));
    const rows = command.stream({ highWaterMark: 64 });
    const stopListening = cancellation.onCancel((reason) => {
      this.discard();
      rows.destroy(reason);
    });
    // mysql2 tells the loss of a connection to callbacks, but not to streams.
    const onLost = (error: Error) => rows.destroy(error);
    this.#connection.once('error', onLost);
    let finished = false;
    try {
      for await (const row of rows) yield row;
      finished = true;
    } catch (error) {
      throw cancellation.reason ?? driverFault(error, 'sent', this.#connection.threadId);
    } finally {
      stopListening();
      this.#connection.off('error', onLost);
      if (!finished) this.discard();
    }
  }

  /** Hands the connection back. Once; a session that was discarded has none to hand back. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#owner.takeBack(this.#connection, this.#usable);
  }

  /** Takes the connection out of use, with whatever still runs on it. */
  discard(): void {
    if (this.#released) return;
    this.#released = true;
    this.#owner.quarantine(this.#connection);
  }
}
