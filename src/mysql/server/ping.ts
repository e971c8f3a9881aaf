import { isLockedOut } from '../../errors/driver-fault.ts';
import { isLogin, type ServerAddress } from './connection-options.ts';
import { driverFault } from './driver-error.ts';
import { settledWithin } from './settled-within.ts';
import { shortConnection } from './short-connection.ts';

/** Errors that only a living server sends: it has no room for one more. */
const noRoom = new Set([1040, 1203, 1226]);

/**
 * Asks a server for a sign of life: opens a connection, sends COM_PING and leaves. The pool's own
 * connections may all hang in something that ended without a word. One that does not let this user in lives: that is for
 * the callers to hear, from their own statements.
 *
 * @param timeoutMs for the server's answer, and for `credentials` before it.
 * @throws {DriverFault} when there is none.
 */
export async function ping(address: ServerAddress, timeoutMs: number): Promise<void> {
  return askForLife(await withLogin(address, timeoutMs), timeoutMs);
}

/** As whom callers log in: a password that was rotated would count as a guess at each ping. */
async function withLogin(address: ServerAddress, timeoutMs: number): Promise<ServerAddress> {
  if (address.credentials === undefined) return address;
  let login = address;
  const asked = address.credentials().then(
    (given) => {
      if (isLogin(given)) login = { ...address, user: given.user, password: given.password };
    },
    // Whether the server lives it tells whomever it refuses.
    () => undefined,
  );
  await settledWithin(timeoutMs, asked);
  return login;
}

function askForLife(address: ServerAddress, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const { driver, cut } = shortConnection(address);
    let timer: NodeJS.Timeout | undefined;
    const end = (error?: unknown) => {
      clearTimeout(timer);
      cut(new Error('The ping is over.'));
      if (error === undefined || error === null) return resolve();
      const fault = driverFault(error, 'connecting');
      if (isLockedOut(fault) || noRoom.has(fault.errno ?? 0)) resolve();
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
