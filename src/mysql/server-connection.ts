import { connect, type Socket } from 'node:net';
import mysql, { type Connection } from 'mysql2';
import type { EndpointAddress } from '../config/endpoint-url.ts';
import { DriverFault } from '../errors/driver-fault.ts';
import { connectionOptions } from './connection-options.ts';
import { driverFault } from './driver-error.ts';

export interface OpeningOptions {
  /** Milliseconds for name, handshake, login and `setup` together. */
  readonly timeoutMs: number;
  /** The first statement, part of opening it. */
  readonly setup: string;
}

/**
 * One connection of mysql2 with its socket. The socket is made here, because mysql2 closes only its
 * own half of one: a peer that no longer answers would hold it, and the process, for minutes.
 */
export class ServerConnection {
  readonly driver: Connection;
  /** Resolves when it can be used; rejects with a DriverFault of the phase `connecting`. */
  readonly ready: Promise<void>;
  /** Resolves when it is closed, by whichever side: with the reason, if that was not this one. */
  readonly closed: Promise<DriverFault | undefined>;
  readonly #socket: Socket;
  readonly #countsBytes: boolean;
  #alive = true;
  #dismissed = false;
  #lastError: unknown;

  constructor(address: EndpointAddress, { timeoutMs, setup }: OpeningOptions) {
    const { host, port } = address;
    const socket = connect({ host, port, keepAlive: true, noDelay: true });
    this.#socket = socket;
    this.#countsBytes = address.tls === 'off';
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#alive = false;
        resolve(this.#dismissed ? undefined : this.#lossOf(this.#lastError));
      });
    });
    socket.once('end', () => {
      this.#alive = false;
    });
    this.driver = mysql.createConnection({
      ...connectionOptions(address),
      stream: () => socket,
    });
    this.driver.on('error', (error) => {
      this.#alive = false;
      this.#lastError ??= error;
      // A protocol out of step ends no socket by itself.
      socket.destroy();
    });
    this.ready = this.#open(timeoutMs, setup);
  }

  /** False as soon as it is known to be dead; nothing was sent on it then. */
  get isAlive(): boolean {
    return this.#alive;
  }

  get threadId(): number {
    return this.driver.threadId;
  }

  /** Bytes handed to the socket so far; undefined where they can't be told, under TLS. */
  get bytesSent(): number | undefined {
    return this.#countsBytes ? this.#socket.bytesWritten : undefined;
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
    this.driver.end(() => undefined);
  }

  #open(timeoutMs: number, setup: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#socket.destroy(
          Object.assign(new Error(`no connection within ${timeoutMs} ms`), { code: 'ETIMEDOUT' }),
        );
      }, timeoutMs);
      this.driver.query(setup, (error) => {
        clearTimeout(timer);
        if (!error) return resolve();
        this.destroy();
        reject(driverFault(error, 'connecting'));
      });
    });
  }

  #lossOf(error: unknown): DriverFault {
    return error === undefined
      ? new DriverFault('The server closed the connection.', { phase: 'queued' })
      : driverFault(error, 'queued', this.driver.threadId);
  }
}
