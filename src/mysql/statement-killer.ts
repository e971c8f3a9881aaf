import type { EndpointAddress } from '../config/endpoint-url.ts';
import { DriverFault } from '../errors/driver-fault.ts';
import { driverFault } from './driver-error.ts';
import { ServerConnection } from './server-connection.ts';

interface Condemned {
  readonly threadId: number;
  /** False once its server closed it: a server that was restarted gives its id to another. */
  readonly isAlive: boolean;
  /** Closes the client's side once the server was told, or could not be told. */
  readonly close: () => void;
}

/** The server knows no such connection any more, which is as good as a KILL. */
const noSuchThread = 1094;

/**
 * Ends statements that nobody waits for, through one side connection at a time, so that a storm
 * of time-outs does not become a storm of connections.
 *
 * It kills the connection, not the statement: a killed statement may look like a success, and its
 * transaction would stay open. The condemned connection stays open until the KILL was sent: the
 * server can't have given its thread id to another connection meanwhile.
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
    this.#begin();
  }

  /** Resolves when nothing is left to kill. */
  async idle(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
  }

  #begin(): void {
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
      // Condemned after the last look, and before this one.
      if (this.#waiting.length > 0) this.#begin();
    });
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      const side = new ServerConnection(this.#address, {
        timeoutMs: this.#timeoutMs,
        setup: 'DO 0',
      });
      try {
        await side.ready;
        for (const condemned of batch) {
          if (condemned.isAlive) await this.#killThread(side, condemned.threadId);
          condemned.close();
        }
      } catch (error) {
        this.#onFailure(driverFault(error, 'sent'));
      } finally {
        side.destroy();
        for (const { close } of batch) close();
      }
    }
  }

  /** Rejects when the side connection is of no more use. */
  #killThread(side: ServerConnection, threadId: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () =>
          reject(
            new DriverFault(`KILL was not answered within ${this.#timeoutMs} ms`, {
              phase: 'sent',
            }),
          ),
        this.#timeoutMs,
      );
      side.driver.query(`KILL ${threadId}`, (error) => {
        clearTimeout(timer);
        if (!error) return resolve();
        const fault = driverFault(error, 'sent');
        if (fault.errno === undefined) return reject(fault);
        if (fault.errno !== noSuchThread) this.#onFailure(fault);
        resolve();
      });
    });
  }
}
