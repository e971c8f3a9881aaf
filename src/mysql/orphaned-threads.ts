import type { EndpointAddress } from '../config/endpoint-url.ts';
import { DriverFault } from '../errors/driver-fault.ts';
import { ServerConnection } from './server-connection.ts';

/** A thread of the server on which a statement may still run that nobody here hears of any more. */
export interface Orphan {
  readonly threadId: number;
  /** Which server it is a thread of. */
  readonly server: string;
  /** On the monotonic clock of this process. */
  readonly openedAtMs: number;
  /** Closes the client's side, once the server was told or could not be told. */
  readonly close: () => void;
}

interface Watched extends Orphan {
  readonly over: Promise<void>;
  readonly end: () => void;
}

/** The server knows no such thread any more: what ran on it is committed or rolled back. */
const noSuchThread = 1094;
/** It is another user's, so the server gave the number anew. */
const notOurs = 1095;

/** Milliseconds between two looks at a thread that is on its way, and at a server that can't be asked. */
const pauseMs = { first: 5, longest: 1_000 };

const uptimeQuery = `SHOW GLOBAL STATUS LIKE 'Uptime'`;

/**
 * Ends what nobody waits for any more, and knows when it is over: when the server says that there is no
 * such thread. A thread whose client is gone waits for its lock all the same, and then commits; one that
 * was killed rolls back before it goes.
 *
 * Asks through one side connection at a time, so that a storm of time-outs does not become a storm of
 * connections, and again until the server answers. It kills the connection, not the statement: a
 * killed statement may look like a success, and its transaction would stay open. Numbers of threads are
 * given anew only after a restart, which the server's uptime tells.
 */
export class OrphanedThreads {
  readonly #address: EndpointAddress;
  readonly #timeoutMs: number;
  readonly #onFault: (error: Error) => void;
  readonly #watched = new Set<Watched>();
  #isWorking = false;
  #isClosed = false;
  #wake: (() => void) | undefined;

  constructor(address: EndpointAddress, timeoutMs: number, onFault: (error: Error) => void) {
    this.#address = address;
    this.#timeoutMs = timeoutMs;
    this.#onFault = onFault;
  }

  add(orphan: Orphan): void {
    if (this.#isClosed) {
      orphan.close();
      return;
    }
    let end = () => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#watched.add({ ...orphan, over, end });
    this.#wake?.();
    if (this.#isWorking) return;
    this.#isWorking = true;
    void this.#work();
  }

  /** Resolves when nothing of what is orphaned now runs any more, or this is closed. */
  async over(): Promise<void> {
    await Promise.all([...this.#watched].map(({ over }) => over));
  }

  /** Asks no more, and keeps nobody waiting. */
  close(): void {
    this.#isClosed = true;
    for (const orphan of this.#watched) this.#end(orphan);
    this.#wake?.();
  }

  /** Never rejects: what goes wrong is told, and tried again. */
  async #work(): Promise<void> {
    let failures = 0;
    while (this.#watched.size > 0) {
      const fault = await this.#endAll();
      if (this.#watched.size === 0) break;
      if (fault === undefined) failures = 0;
      // The first of an outage is news.
      else if (failures++ === 0) this.#onFault(fault);
      if (fault !== undefined) await this.#pause(failures, false);
    }
    this.#isWorking = false;
  }

  /** Over one side connection, until there is none left. Returns why it had to end before. */
  async #endAll(): Promise<DriverFault | undefined> {
    const side = new ServerConnection(this.#address, { timeoutMs: this.#timeoutMs });
    try {
      await side.ready;
      const [status] = await side.ask(uptimeQuery);
      const told = {
        server: side.facts.server,
        bootedAtMs: performance.now() - Number(status?.Value) * 1_000,
      };
      for (let round = 0; this.#watched.size > 0; round++) {
        for (const orphan of [...this.#watched]) {
          if (isAnotherLife(orphan, told) || (await this.#kill(side, orphan))) this.#end(orphan);
          else orphan.close();
        }
        if (this.#watched.size > 0) await this.#pause(round, true);
      }
      return undefined;
    } catch (error) {
      for (const { close } of this.#watched) close();
      return error instanceof DriverFault
        ? error
        : new DriverFault(String(error), { phase: 'connecting' });
    } finally {
      side.destroy();
    }
  }

  /** Whether the server knows the thread no more. Rejects when the side connection is of no use. */
  async #kill(side: ServerConnection, { threadId }: Orphan): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const message = `KILL was not answered within ${this.#timeoutMs} ms`;
      timer = setTimeout(
        () => reject(new DriverFault(message, { phase: 'sent' })),
        this.#timeoutMs,
      );
    });
    try {
      await Promise.race([side.ask(`KILL ${threadId}`), late]);
      return false;
    } catch (error) {
      if (!(error instanceof DriverFault) || error.errno === undefined) throw error;
      if (error.errno !== noSuchThread && error.errno !== notOurs) throw error;
      return true;
    } finally {
      clearTimeout(timer);
    }
  }

  #end(orphan: Watched): void {
    if (!this.#watched.delete(orphan)) return;
    orphan.close();
    orphan.end();
  }

  /** The timer keeps no process alive. `early`: it ends when there is more to do. */
  #pause(round: number, early: boolean): Promise<void> {
    const ms = Math.min(pauseMs.longest, pauseMs.first * 2 ** round);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      timer.unref();
      this.#wake = () => {
        if (!early && !this.#isClosed) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Whether the thread's server was restarted since, or the address leads to another one. */
function isAnotherLife(
  { server, openedAtMs }: Orphan,
  told: { readonly server: string; readonly bootedAtMs: number },
): boolean {
  // The uptime is in whole seconds, and two clocks drift apart.
  const slackMs = 2_000 + (performance.now() - openedAtMs) / 1_000;
  return server !== told.server || told.bootedAtMs - slackMs > openedAtMs;
}
