import { DriverFault } from '../../errors/driver-fault.ts';
import type { Ask, RawRow } from '../sql/sql.ts';

/** The thread of the server that runs what is sent on a connection. */
export interface ServerThread {
  readonly id: number;
  /**
   * Whether somebody between counts connections in a way of its own. A KILL would be read in its
   * numbers, and end a stranger.
   */
  readonly isRenumbered: boolean;
}

/** A greeting has room for 32 bits of the number. */
const greetedNumbers = 2 ** 32;

/** A locking read, which a proxy that parts reads from writes sends where writes go. */
const secondLook = 'SELECT CONNECTION_ID() AS thread FOR UPDATE';

/**
 * Holds the number in the greeting against the thread's own.
 *
 * @throws {DriverFault} when one connection leads to several threads: transactions would be torn apart.
 */
export async function serverThread(greeted: number, id: number, ask: Ask): Promise<ServerThread> {
  if (id % greetedNumbers === greeted) return { id, isRenumbered: false };
  const [again] = await ask(secondLook);
  if (Number(again?.thread) === id) return { id, isRenumbered: true };
  throw new DriverFault(
    'a proxy between sends the statements of one connection to several connections of the server: ' +
      'turn its multiplexing and its splitting of reads and writes off',
    { phase: 'connecting' },
  );
}

/** Threads of the same user are always listed. */
const processList = 'SHOW PROCESSLIST';

/** Whether the server of `own`, on which it asks, still has a thread. */
export async function hasThread(id: number, own: ServerThread, ask: Ask): Promise<boolean> {
  const threads = new Set((await ask(processList)).map(idOf));
  if (threads.has(own.id)) return threads.has(id);
  throw new DriverFault('the list of threads is that of another server', { phase: 'connecting' });
}

/** The column is called `Id`, or `ID` by a proxy. */
function idOf(row: RawRow): number {
  return Number(row.Id ?? row.ID);
}
