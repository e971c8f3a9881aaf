import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { resetSocket } from '../../../src/testing/chaos/reset-socket.ts';

async function connected() {
  const server = createServer({ allowHalfOpen: true }).listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  const accepted = once(server, 'connection');
  const socket = connect({ host: address.address, port: address.port, allowHalfOpen: true });
  const [peer] = await accepted;
  await once(socket, 'ready');
  return { socket, peer, server };
}

// Node keeps a socket for ever whose reset the kernel refuses, and spins when the process ends.
it.each([
  ['before its end', () => undefined],
  ['whose end is on its way', (socket: Socket) => socket.end()],
  [
    'whose end has been sent',
    async (socket: Socket) => {
      socket.end();
      await once(socket, 'finish');
    },
  ],
])('closes a connection %s', async (_, act) => {
  const { socket, peer, server } = await connected();
  peer.on('error', () => undefined);
  await act(socket);
  const closed = once(socket, 'close');
  resetSocket(socket);
  await closed;
  // The descriptor is gone too: what the peer says is refused.
  const talk = setInterval(() => peer.write('x'), 5);
  await new Promise((resolve) => peer.once('close', resolve));
  clearInterval(talk);
  expect(peer.destroyed).toBe(true);
  server.close();
});
