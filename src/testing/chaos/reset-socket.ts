import type { Socket } from 'node:net';

/**
 * Ends a connection with a TCP reset. One whose end is on its way is closed instead: the kernel
 * refuses its reset, and Node would keep the socket open for ever, without a `close`, and spin
 * when the process ends.
 */
export function resetSocket(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
