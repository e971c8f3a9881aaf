import mysql, { type Connection } from 'mysql2';
import type { EndpointAddress } from '../config/endpoint-url.ts';
import { connectionOptions } from './connection-options.ts';
import { driverFault } from './driver-error.ts';

interface Condemned {
  readonly threadId: number;
  /** Closes the client's side once the server was told, or could not be told. */
  readonly close: () => void;
}

/**
 * Ends statements that nobody waits for, through one side connection at a time, so that a storm
 * of time-outs does not become a storm of connections.
 *
 * The condemned connection stays open until the KILL was sent: the server can't have given its
 * thread id to another connection meanwhile.
 */
export class StatementKiller {
  readonly #address: EndpointAddress;
  readonly #timeoutMs: number;
  readonly #onFailure: (error: Error) => void;
  #waiting: Condemned[] = [];
  #working: Promise<void> | undefined;

  constructor(address: EndpointAddress, timeoutMs: number, onFailure: (error: Error) => void) {
    this.#address = address;
    this.#timeoutMs = timeoutMs;
    this.#onFailure = onFailure;
  }

  kill(condemned: Condemned): void {
    this.#waiting.push(condemned);
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
  }

  /** Resolves when nothing is left to kill. */
  async idle(): Promise<void> {
    await this.#working;
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      const side = mysql.createConnection(connectionOptions(this.#address, this.#timeoutMs));
      side.on('error', (error) => this.#onFailure(driverFault(error, 'sent')));
      try {
        for (const { threadId } of batch) await this.#killThread(side, threadId);
      } catch (error) {
        this.#onFailure(driverFault(error, 'sent'));
      } finally {
        side.destroy();
        for (const { close } of batch) close();
      }
    }
  }

  #killThread(side: Connection, threadId: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`KILL was not answered within ${this.#timeoutMs} ms`)),
        this.#timeoutMs,
      );
      side.query(`KILL ${threadId}`, (error) => {
        clearTimeout(timer);
        const fault = error === null ? undefined : driverFault(error, 'sent');
        // ER_NO_SUCH_THREAD: it ended by itself, which is as good.
        if (fault === undefined || fault.errno === 1094) resolve();
        else reject(fault);
      });
    });
  }
}
