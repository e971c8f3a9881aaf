import { DriverFault, type Phase } from '../../errors/driver-fault.ts';
import {
  lostConnection,
  serverCode,
  unreadableAnswer,
  unreadableCode,
} from '../../errors/server-codes.ts';
import { type Bound, bindParameters } from '../sql/bind.ts';
import { isInTransaction, readColumns, readResult } from '../sql/read-result.ts';
import { timeReader } from '../sql/read-times.ts';
import type { RawRow, ResultColumn, Statement, StatementResult } from '../sql/sql.ts';
import { isTooLarge } from '../sql/statement-size.ts';
import type { Cancellation } from './cancellation.ts';
import type { ServerConnection } from './server-connection.ts';
import { type OnStatement, watchStatement } from './statement-watch.ts';
import { endsSoon } from './stream-rest.ts';

/** Where a session's connection comes from and goes back to. */
export interface ConnectionOwner {
  /** Takes it back, or closes it when it is not to be trusted any more. */
  takeBack(connection: ServerConnection, usable: boolean): void;
  /** Takes it out of use: kills what may run on it, be it closed here already, then closes it. */
  quarantine(connection: ServerConnection): void;
}

/**
 * One connection while it is in one caller's hands. It goes back to the pool only as it came: alive,
 * with no statement running and no transaction open.
 */
export class Session {
  /** How far the newest statement came; what a cancelled write may have done is read off it. */
  phase: Phase = 'queued';
  readonly #connection: ServerConnection;
  readonly #owner: ConnectionOwner;
  /** Undefined while nobody wants to know. */
  readonly #onStatement: OnStatement | undefined;
  #usable = true;
  #released = false;
  #running = 0;
  #inTransaction = false;

  constructor(connection: ServerConnection, owner: ConnectionOwner, onStatement?: OnStatement) {
    this.#connection = connection;
    this.#owner = owner;
    this.#onStatement = onStatement;
  }

  /** Which server it leads to: another one after a failover, the same one after a restart. */
  get server(): string {
    return this.#connection.facts.server;
  }

  /** Whether a transaction is open, by what the server said last. */
  get isInTransaction(): boolean {
    return this.#inTransaction;
  }

  /** Whether it is of no more use: dead, handed back, or in a state that is not to be trusted. */
  get isLost(): boolean {
    return !this.#usable || this.#released;
  }

  /** Runs a prepared statement. Rejects with a DriverFault, or with the cancellation's reason. */
  run(statement: Statement, cancellation: Cancellation): Promise<StatementResult> {
    return this.#prepared(statement, cancellation, (bound, done) =>
      this.#connection.driver.execute(statement.sql, bound, done),
    );
  }

  /**
   * Like `run`, for rows of which there may be too many: `onRow` is told of each as it comes, and may cancel.
   */
  collect(
    statement: Statement,
    cancellation: Cancellation,
    onRow: () => void,
  ): Promise<StatementResult> {
    const { driver } = this.#connection;
    return this.#prepared(statement, cancellation, (bound, done) => {
      const rows: unknown[] = [];
      let columns: unknown;
      let isOver = false;
      const end = (error?: unknown) => {
        if (isOver) return;
        isOver = true;
        driver.off('error', end);
        done(error, rows, columns);
      };
      // mysql2 tells the loss of a connection to callbacks, but not to listeners.
      driver.once('error', end);
      const command = driver.execute(statement.sql, bound);
      command.on('fields', (fields: unknown) => {
        columns = fields;
      });
      command.on('result', (row: unknown) => {
        if (cancellation.reason !== undefined) return;
        rows.push(row);
        onRow();
      });
      command.on('error', end);
      command.on('end', () => end());
    });
  }

  #prepared(
    statement: Statement,
    cancellation: Cancellation,
    execute: (bound: Bound[], done: Done) => void,
  ): Promise<StatementResult> {
    const { sql, params, once } = statement;
    const bound = bindParameters(params);
    this.#assertFits(statement);
    const send = () => this.#send(sql, cancellation, 'sent', (done) => execute(bound, done));
    const result = send().catch((error: unknown) => {
      if (!(error instanceof DriverFault) || !this.#usable) throw error;
      if (codeOf(error).repeat !== 're-prepared') throw error;
      this.#forget(sql);
      return send();
    });
    return once ? result.finally(() => this.#forget(sql)) : result;
  }

  #assertFits(statement: Statement): void {
    const { maxPacketBytes } = this.#connection.facts;
    if (!isTooLarge(statement, maxPacketBytes)) return;
    const message = `with its parameters it is larger than max_allowed_packet (${maxPacketBytes} bytes)`;
    throw new DriverFault(message, { phase: 'queued', errno: packetTooLarge });
  }

  #forget(sql: string): void {
    if (this.#usable && !this.#released) this.#connection.driver.unprepare(sql);
  }

  /** Runs transaction control over the text protocol; `phase` is `committing` for COMMIT. */
  control(
    sql: string,
    cancellation: Cancellation,
    phase: Phase = 'sent',
  ): Promise<StatementResult> {
    return this.#send(sql, cancellation, phase, (done) => this.#connection.driver.query(sql, done));
  }

  #send(
    sql: string,
    cancellation: Cancellation,
    phase: Phase,
    send: (done: Done) => void,
  ): Promise<StatementResult> {
    return new Promise((resolve, reject) => {
      if (cancellation.reason !== undefined) return reject(cancellation.reason);
      // The connection may be in another caller's hands by now.
      if (this.#released) return reject(new DriverFault(handedBack, { phase: 'queued' }));
      let waited = true;
      const before = this.#connection.bytesSent;
      const watch = watchStatement(sql, cancellation, this.#onStatement);
      const stopListening = cancellation.onCancel((reason) => {
        waited = false;
        this.discard();
        watch.ended(false);
        reject(reason);
      });
      this.phase = phase;
      this.#running++;
      const done = (error: unknown, rows: unknown, columns: unknown) => {
        this.#running--;
        // What a cancelled statement answers is nobody's: a killed one may look like a success.
        if (!waited) return;
        stopListening();
        watch.ended(!error);
        if (!error) {
          this.#inTransaction = isInTransaction(rows) ?? this.#inTransaction;
          return resolve(readResult(rows, columns));
        }
        reject(this.#failed(error, phase, before));
      };
      try {
        watch.send(() => send(done));
      } catch (error) {
        done(error, undefined, undefined);
      }
    });
  }

  /** What an error of the driver means, the session's own state included. */
  #failed(error: unknown, phase: Phase, bytesBefore: number | undefined): DriverFault {
    const unsent = bytesBefore !== undefined && bytesBefore === this.#connection.bytesSent;
    const fault = this.#isUnreadable(error)
      ? new DriverFault(unreadable, { phase, code: unreadableCode })
      : this.#connection.faultOf(error, unsent ? 'queued' : phase);
    this.phase = fault.phase;
    // A server whose client has left goes on with what it was sent.
    if (fault.errno === undefined && fault.phase !== 'queued') this.discard();
    if (codeOf(fault).connection === 'close') this.#usable = false;
    return fault;
  }

  /** The driver's own failures, unlike those of sockets and servers, have neither number nor symbol. */
  #isUnreadable(error: unknown): boolean {
    if (!(error instanceof Error) || error instanceof DriverFault) return false;
    return this.#connection.isAlive && !('code' in error) && !('errno' in error);
  }

  /**
   * Rows as they arrive; the socket is read no faster than they are taken. After a reader who leaves early what
   * is left is read to its end where that is little; else the connection is taken out of use.
   */
  async *stream(
    statement: Statement,
    cancellation: Cancellation,
    onColumns: (columns: readonly ResultColumn[]) => void,
  ): AsyncGenerator<RawRow, void, undefined> {
    const { sql, params } = statement;
    const bound = bindParameters(params);
    this.#assertFits(statement);
    if (cancellation.reason !== undefined) throw cancellation.reason;
    this.phase = 'sent';
    const { driver } = this.#connection;
    const before = this.#connection.bytesSent;
    let stopListening = () => {};
    let stopWatching = () => {};
    let finished = false;
    const watch = watchStatement(sql, cancellation, this.#onStatement);
    try {
      if (!this.#connection.isAlive) throw new DriverFault(deadConnection, { phase: 'queued' });
      if (this.#released) throw new DriverFault(handedBack, { phase: 'queued' });
      const command = watch.send(() => driver.execute(sql, bound));
      // A reader who leaves takes the stream's listeners along; the statement may still fail after that.
      command.on('error', () => undefined);
      let readTimes: ((row: RawRow) => RawRow) | undefined;
      command.on('fields', (fields: unknown) => {
        const columns = readColumns(fields);
        readTimes = timeReader(columns);
        watch.ended(true);
        onColumns(columns);
      });
      const rows = command.stream({ highWaterMark: 64 });
      // Nor does who has left it hear of what it was cancelled for.
      rows.on('error', () => undefined);
      stopListening = cancellation.onCancel((reason) => {
        this.discard();
        rows.destroy(reason);
      });
      // mysql2 tells the loss of a connection to callbacks, but not to streams.
      const onLost = (error: Error) => rows.destroy(error);
      driver.once('error', onLost);
      stopWatching = () => driver.off('error', onLost);
      const left = rows.iterator({ destroyOnReturn: false });
      try {
        for await (const row of left) yield readTimes === undefined ? row : readTimes(row);
        finished = true;
      } finally {
        finished ||= await endsSoon(rows);
      }
    } catch (error) {
      throw cancellation.reason ?? this.#failed(error, 'sent', before);
    } finally {
      watch.ended(finished);
      stopListening();
      stopWatching();
      if (!finished) this.discard();
    }
  }

  /** Ends the connection at once: what runs on it fails, as when the server goes away. */
  abandon(): void {
    this.#usable = false;
    this.#connection.destroy();
  }

  /** Hands the connection back. Once; a session that was discarded has none to hand back. */
  release(): void {
    if (this.#released) return;
    if (this.#running > 0) {
      this.discard();
      return;
    }
    this.#released = true;
    this.#owner.takeBack(this.#connection, this.#usable && !this.#inTransaction);
  }

  /** Takes the connection out of use, with whatever still runs on it. */
  discard(): void {
    if (this.#released) return;
    this.#released = true;
    this.#owner.quarantine(this.#connection);
  }
}

type Done = (error: unknown, rows: unknown, columns: unknown) => void;

/** The server hangs up after it, and may be heard or not. */
const packetTooLarge = 1153;
const unreadable = 'the driver could not read the answer';
const handedBack = 'The session was handed back.';
const deadConnection = 'The connection was closed while it was idle.';

function codeOf({ code, errno, message }: DriverFault) {
  if (errno !== undefined) return serverCode(errno, message);
  return code === unreadableCode ? unreadableAnswer : lostConnection;
}
