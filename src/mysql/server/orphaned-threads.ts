import { DriverFault } from '../../errors/driver-fault.ts';
import type { Ended } from '../../errors/meridian-error.ts';
import type { RawRow } from '../sql/sql.ts';
import type { ServerAddress } from './connection-options.ts';
import { type ConnectionFacts, ServerConnection } from './server-connection.ts';
import { hasThread } from './server-thread.ts';

/** A thread of the server on which a statement may still run that nobody here hears of any more. */
export interface Orphan {
  /** What the server said when the thread's connection was opened: which thread, of which server. */
  readonly facts: ConnectionFacts;
  /** Closes the client's side, once the server was told or could not be told. */
  readonly close: () => void;
}

interface Watched extends Orphan {
  readonly since: number;
  readonly ended: Promise<Ended>;
  readonly end: (how: Ended) => void;
}

/** The server knows no such thread any more: what ran on it is committed or rolled back. */
const noSuchThread = 1094;
/** It is another user's, so the server gave the number anew. */
const notOurs = 1095;

/** Milliseconds between two looks at a thread that is on its way, and at a server that can't be asked. */
const pauseMs = { first: 5, longest: 1_000 };
/** Milliseconds after which nobody asks any more of a server that does not answer. */
const longestWatchMs = 600_000;

/**
 * Ends what nobody waits for any more, and knows when it is over: when the server says that there is no
 * such thread. A thread whose client is gone waits for its lock all the same, and then commits; one that
 * was killed rolls back before it goes.
 *
 * Asks through one side connection at a time, so that a storm of time-outs does not become a storm of
 * connections, and again until the server answers. It kills the connection, not the statement: a
 * killed statement may look like a success, and its transaction would stay open. Numbers of threads are
 * given anew only after a restart, which is told by when the server was started. Behind a proxy with
 * numbers of its own nothing is killed: the server's list of threads tells when it is over.
 */
export class OrphanedThreads {
  readonly #address: ServerAddress;
  readonly #timeoutMs: number;
  readonly #onFault: (error: Error) => void;
  readonly #watched = new Set<Watched>();
  #side: ServerConnection | undefined;
  #isWorking = false;
  #isClosed = false;
  #wake: (() => void) | undefined;

  constructor(address: ServerAddress, timeoutMs: number, onFault: (error: Error) => void) {
    this.#address = address;
    this.#timeoutMs = timeoutMs;
    this.#onFault = onFault;
  }

  /** Resolves, and never rejects, once the thread is over or nobody asks of it any more. */
  add(orphan: Orphan): Promise<Ended> {
    if (this.#isClosed) {
      orphan.close();
      return Promise.resolve('given-up');
    }
    let end: (how: Ended) => void = () => {};
    const ended = new Promise<Ended>((resolve) => {
      end = resolve;
    });
    this.#watched.add({ ...orphan, since: performance.now(), ended, end });
    this.#wake?.();
    if (!this.#isWorking) {
      this.#isWorking = true;
      void this.#work();
    }
    return ended;
  }

  /** Of all that is orphaned now; `over` only if all of it is. */
  async ended(): Promise<Ended> {
    const all = await Promise.all([...this.#watched].map(({ ended }) => ended));
    return all.includes('given-up') ? 'given-up' : 'over';
  }

  /** Asks no more, and keeps nobody waiting. */
  close(): void {
    this.#isClosed = true;
    for (const orphan of this.#watched) this.#end(orphan, 'given-up');
    this.#side?.destroy();
    this.#wake?.();
  }

  /** Never rejects: what goes wrong is told, and tried again. */
  async #work(): Promise<void> {
    let failures = 0;
    while (this.#watched.size > 0) {
      const fault = await this.#endAll();
      // Room in the pool is given back whether the server could be told or not.
      for (const { close } of this.#watched) close();
      if (fault === undefined) failures = 0;
      // The first of an outage is news.
      else if (failures++ === 0 && !this.#isClosed) this.#onFault(fault);
      if (fault !== undefined && this.#watched.size > 0) await this.#pause(failures, false);
      for (const orphan of this.#watched) {
        if (performance.now() - orphan.since > longestWatchMs) this.#end(orphan, 'given-up');
      }
    }
    this.#isWorking = false;
  }

  /** Over one side connection, until there is none left. Returns why it had to end before. */
  async #endAll(): Promise<DriverFault | undefined> {
    const side = new ServerConnection(this.#address, { timeoutMs: this.#timeoutMs });
    this.#side = side;
    try {
      await side.ready;
      for (let round = 0; this.#watched.size > 0; round++) {
        for (const orphan of [...this.#watched]) {
          if (orphan.facts.server !== side.facts.server) continue;
          if (isAnotherLife(orphan, side) || (await this.#isOver(side, orphan))) {
            this.#end(orphan, 'over');
          } else orphan.close();
        }
        const here = [...this.#watched].some(({ facts }) => facts.server === side.facts.server);
        if (!here && this.#watched.size > 0) throw elsewhere();
        if (this.#watched.size > 0) await this.#pause(round, true);
      }
      return undefined;
    } catch (error) {
      return error instanceof DriverFault
        ? error
        : new DriverFault(String(error), { phase: 'connecting' });
    } finally {
      side.destroy();
    }
  }

  /** Whether the server knows the thread no more. Rejects when the side connection is of no use. */
  async #isOver(side: ServerConnection, { facts, close }: Orphan): Promise<boolean> {
    const { id, isRenumbered } = facts.thread;
    if (!isRenumbered && !side.facts.thread.isRenumbered) return !(await this.#kill(side, id));
    // The proxy, if anybody, ends what it ran for a client that is gone.
    close();
    const ask = (sql: string) => this.#askInTime(side, sql);
    return !(await hasThread(id, side.facts.thread, ask));
  }

  /** Whether the server had such a thread of ours to kill. */
  async #kill(side: ServerConnection, id: number): Promise<boolean> {
    try {
      await this.#askInTime(side, `KILL ${id}`);
      return true;
    } catch (error) {
      if (!(error instanceof DriverFault) || error.errno === undefined) throw error;
      if (error.errno !== noSuchThread && error.errno !== notOurs) throw error;
      return false;
    }
  }

  async #askInTime(side: ServerConnection, sql: string): Promise<readonly RawRow[]> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const message = `${sql} was not answered within ${this.#timeoutMs} ms`;
      timer = setTimeout(
        () => reject(new DriverFault(message, { phase: 'sent' })),
        this.#timeoutMs,
      );
    });
    try {
      return await Promise.race([side.ask(sql), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #end(orphan: Watched, how: Ended): void {
    if (!this.#watched.delete(orphan)) return;
    orphan.close();
    orphan.end(how);
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

/** Whether the thread's server was restarted since. */
function isAnotherLife({ facts }: Orphan, side: ServerConnection): boolean {
  // Uptimes are in whole seconds, and two clocks drift apart.
  const slackMs = 1_500 + (side.facts.openedAtMs - facts.openedAtMs) / 1_000;
  return side.facts.bootedAtMs - slackMs > facts.bootedAtMs;
}

/** Another server than the thread's says nothing of it. */
function elsewhere(): DriverFault {
  return new DriverFault('The address leads to another server than before', {
    phase: 'connecting',
  });
}
