import { connect, type Socket } from 'node:net';
import mysql, { type Connection } from 'mysql2';
import { endpointLabel } from '../../config/endpoint-url.ts';
import { DriverFault, type Phase } from '../../errors/driver-fault.ts';
import { readResult } from '../sql/read-result.ts';
import type { Ask, RawRow } from '../sql/sql.ts';
import {
  type Credentials,
  connectionOptions,
  isLogin,
  type ServerAddress,
} from './connection-options.ts';
import { driverFault } from './driver-error.ts';
import { assertPinned } from './pinned-session.ts';
import { assertServerName, namedAs } from './server-name.ts';
import { type ServerThread, serverThread } from './server-thread.ts';
import {
  bootedAtMs,
  readSessionFacts,
  type SessionFacts,
  sessionQuery,
  sessionSetup,
  uptimeQuery,
} from './session-state.ts';

export interface OpeningOptions {
  /** Milliseconds for name, handshake, login and the session's state together. */
  readonly timeoutMs: number;
  /** Whether faults tell the server's own text, which quotes statements and values. Default `false`. */
  readonly debugErrors?: boolean | undefined;
  /** Asked before it is used: what it throws is why it can't be. */
  readonly verify?: ((ask: Ask) => Promise<void>) | undefined;
}

/** Times on the monotonic clock of this process. */
export interface ConnectionFacts extends Omit<SessionFacts, 'threadId'> {
  readonly thread: ServerThread;
  readonly openedAtMs: number;
  /** When its server was started. */
  readonly bootedAtMs: number;
}

const unknownFacts: ConnectionFacts = {
  server: '',
  thread: { id: 0, isRenumbered: false },
  maxPacketBytes: Number.POSITIVE_INFINITY,
  openedAtMs: 0,
  bootedAtMs: 0,
};

/**
 * One connection of mysql2 with its socket. The socket is made here, because mysql2 closes only its
 * own half of one: a peer that no longer answers would hold it, and the process, for minutes.
 */
export class ServerConnection {
  #driver: Connection | undefined;
  /** Resolves when it can be used; rejects with a DriverFault of the phase `connecting`. */
  readonly ready: Promise<void>;
  /** Resolves when it is closed, by whichever side: with the reason, if that was not this one. */
  readonly closed: Promise<DriverFault | undefined>;
  readonly #socket: Socket;
  readonly #host: string;
  readonly #isEncrypted: boolean;
  readonly #debug: boolean | undefined;
  #facts: ConnectionFacts = unknownFacts;
  #alive = true;
  #dismissed = false;
  #lastError: unknown;

  constructor(address: ServerAddress, { timeoutMs, verify, debugErrors }: OpeningOptions) {
    this.#debug = debugErrors;
    const { host, port } = address;
    const socket = namedAs(host, connect({ host, port, keepAlive: true, noDelay: true }));
    this.#socket = socket;
    this.#host = host;
    this.#isEncrypted = address.tls === 'verify';
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#alive = false;
        resolve(this.#dismissed ? undefined : this.#lossOf(this.#lastError));
      });
    });
    socket.once('end', () => {
      this.#alive = false;
    });
    if (address.credentials === undefined) this.#login(address);
    this.ready = this.#open(address, timeoutMs, verify);
  }

  /** The connection of the driver, once it is known who is to log in. */
  get driver(): Connection {
    if (this.#driver === undefined) throw new TypeError('the connection is not ready');
    return this.#driver;
  }

  /** False as soon as it is known to be dead; nothing was sent on it then. */
  get isAlive(): boolean {
    return this.#alive;
  }

  /** What its server said of itself when it was opened. */
  get facts(): ConnectionFacts {
    return this.#facts;
  }

  /** Bytes handed to the socket so far; undefined where they can't be told, under TLS. */
  get bytesSent(): number | undefined {
    return this.#isEncrypted ? undefined : this.#socket.bytesWritten;
  }

  /** What an error of the driver means for a command that had come as far as `phase`. */
  faultOf(error: unknown, phase: Phase): DriverFault {
    const threadId = this.#facts.thread.id || undefined;
    return driverFault(error, phase, { threadId, debug: this.#debug });
  }

  /** Ends it at once. What runs on it fails, with an outcome that nobody knows. */
  destroy(): void {
    this.#dismissed = true;
    this.#alive = false;
    // With an error, or mysql2 would leave those who wait for an answer waiting for ever.
    this.#socket.destroy(new Error('The connection was given up.'));
  }

  /** Says goodbye once what runs on it is done. */
  end(): void {
    this.#dismissed = true;
    this.#alive = false;
    // It tells errors to `closed`.
    if (this.#driver === undefined) this.#socket.destroy();
    else this.#driver.end(() => undefined);
  }

  /** Runs a statement of the text protocol that belongs to no session. Rejects with a DriverFault. */
  ask(sql: string): Promise<readonly RawRow[]> {
    return new Promise((resolve, reject) => {
      this.driver.query(sql, (error: unknown, result: unknown) => {
        if (error) reject(this.faultOf(error, 'sent'));
        else resolve(readResult(result, undefined).rows);
      });
    });
  }

  #login(address: ServerAddress): void {
    const socket = this.#socket;
    this.#driver = mysql.createConnection({ ...connectionOptions(address), stream: () => socket });
    this.#driver.on('error', (error) => {
      this.#alive = false;
      this.#lastError ??= error;
      // A protocol out of step ends no socket by itself.
      socket.destroy();
    });
  }

  /** The server waits with its greeting meanwhile. Ends with the socket, and with the time for all. */
  async #loginAs(address: ServerAddress, credentials: () => Promise<Credentials>): Promise<void> {
    this.#socket.on('error', (error) => {
      this.#lastError ??= error;
    });
    const lost = this.closed.then((fault) => {
      throw fault ?? new DriverFault('The connection was given up.', { phase: 'connecting' });
    });
    const none = (reason: string) =>
      new DriverFault(
        `The option credentials gave none for ${endpointLabel(address)}: ${reason}.`,
        {
          phase: 'connecting',
        },
      );
    const asked = credentials().catch((error: unknown) => {
      // Its message may tell a secret.
      throw none(`it threw ${error instanceof Error ? error.name : typeof error}`);
    });
    const given = await Promise.race([asked, lost]);
    if (!isLogin(given)) throw none('it gave no user and password, each a text');
    this.#login({ ...address, user: given.user, password: given.password });
  }

  async #open(
    address: ServerAddress,
    timeoutMs: number,
    verify: OpeningOptions['verify'],
  ): Promise<void> {
    const timer = setTimeout(() => {
      this.#socket.destroy(
        Object.assign(new Error(`no connection within ${timeoutMs} ms`), { code: 'ETIMEDOUT' }),
      );
    }, timeoutMs);
    try {
      if (address.credentials !== undefined) await this.#loginAs(address, address.credentials);
      await this.ask(sessionSetup);
      if (this.#isEncrypted) assertServerName(this.#host, Reflect.get(this.driver, 'stream'));
      const [row] = await this.ask(sessionQuery);
      const { threadId, ...facts } = readSessionFacts(row);
      const ask = (sql: string) => this.ask(sql);
      const thread = await this.#threadOf(address, threadId, ask);
      const [status] = await this.ask(uptimeQuery);
      const openedAtMs = performance.now();
      this.#facts = { ...facts, thread, openedAtMs, bootedAtMs: bootedAtMs(status) };
      await verify?.(ask);
    } catch (error) {
      this.destroy();
      throw error instanceof DriverFault ? whileConnecting(error) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** A ProxySQL counts sessions in numbers of its own, which may happen to be those of the server. */
  async #threadOf({ via }: ServerAddress, id: number, ask: Ask): Promise<ServerThread> {
    if (via === undefined) return serverThread(this.driver.threadId, id, ask);
    await assertPinned(ask);
    return { id, isRenumbered: true };
  }

  #lossOf(error: unknown): DriverFault {
    return error === undefined
      ? new DriverFault('The server closed the connection.', { phase: 'queued' })
      : this.faultOf(error, 'queued');
  }
}

/** A function of a caller's may give anything. */
/** Nothing of a caller's was sent yet, however far the opening had come. */
function whileConnecting(fault: DriverFault): DriverFault {
  return fault.phase === 'sent'
    ? new DriverFault(fault.message, { ...fault, phase: 'connecting' })
    : fault;
}
