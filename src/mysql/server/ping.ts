import type { ServerAddress } from './connection-options.ts';
import { driverFault } from './driver-error.ts';
import { shortConnection } from './short-connection.ts';

/**
 * Errors that only a living server sends: it has no room for one more, or does not let this user in.
 * The last is for the callers to hear, from their own statements.
 */
const signsOfLife = new Set([1040, 1203, 1226, 1044, 1045, 1049]);

/**
 * Asks a server for a sign of life: opens a connection, sends COM_PING and leaves. The pool's own
 * connections may all hang in something that ended without a word.
 *
 * @throws {DriverFault} when there is none within `timeoutMs`.
 */
export function ping(address: ServerAddress, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const { driver, cut } = shortConnection(address);
    let timer: NodeJS.Timeout | undefined;
    const end = (error?: unknown) => {
      clearTimeout(timer);
      cut(new Error('The ping is over.'));
      if (error === undefined || error === null) return resolve();
      const fault = driverFault(error, 'connecting');
      if (fault.errno !== undefined && signsOfLife.has(fault.errno)) resolve();
      else reject(fault);
    };
    const late = () => end(new Error(`the server did not answer a ping within ${timeoutMs} ms`));
    // The driver's own limit ends with the connection's beginning. And after a stall of the event loop
    // timers run before the sockets are read: let an answer win.
    timer = setTimeout(() => setImmediate(late), timeoutMs);
    timer.unref();
    driver.on('error', end);
    driver.ping(end);
  });
}
