import { connect } from 'node:net';

const pollMs = 10;
const answerTimeoutMs = 1_000;

/** Asks a server once whether it is ready to serve. */
export type Probe = (host: string, port: number) => Promise<boolean>;

/** A MySQL server greets first: packet header of 4 bytes, then protocol version 10. */
export const answersMysql: Probe = (host, port) =>
  firstBytes(host, port, undefined, (bytes) => bytes.length >= 5 && bytes[4] === 10);

/** `LOADING` and other errors are answers, but not of a server that is ready. */
export const answersRedis: Probe = (host, port) =>
  firstBytes(host, port, 'PING\r\n', (bytes) => bytes.toString('latin1').startsWith('+PONG'));

/** Resolves with `true` when the probe succeeds, with `false` when `stop()` says to give up. */
export async function untilAnswers(
  probe: Probe,
  host: string,
  port: number,
  stop: () => boolean | Promise<boolean>,
): Promise<boolean> {
  while (!(await stop())) {
    if (await probe(host, port)) return true;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return false;
}

function firstBytes(
  host: string,
  port: number,
  request: string | undefined,
  isReady: (bytes: Buffer) => boolean,
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (ready: boolean) => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(answerTimeoutMs, () => finish(false));
    socket.once('connect', () => request !== undefined && socket.write(request));
    socket.once('data', (bytes) => finish(isReady(bytes)));
    // Refused, reset, closed: not ready yet, which is the answer.
    socket.once('error', () => finish(false));
    socket.once('close', () => finish(false));
  });
}
