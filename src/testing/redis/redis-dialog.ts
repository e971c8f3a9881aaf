import { connect } from 'node:net';
import {
  decodeReplies,
  encodeCommand,
  RedisRefusal,
  type RedisReply,
} from '../chaos/redis-protocol.ts';
import { TestingError } from '../testing-error.ts';

/** A server that was told to pause is never asked, so one that is silent is in trouble. */
const replyTimeoutMs = 1_000;

interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * Sends one command over a connection of its own.
 *
 * @throws TestingError when the server is not reached, is silent for a second, or refuses.
 */
export async function askRedis(
  address: Address,
  ...command: readonly string[]
): Promise<RedisReply> {
  const [reply = null] = await askRedisAll(address, [command]);
  return reply;
}

/**
 * Sends commands at once over a connection of its own; the replies come in their order.
 *
 * @throws TestingError when the server is not reached, is silent for a second, or refuses one.
 */
export async function askRedisAll(
  address: Address,
  commands: readonly (readonly string[])[],
): Promise<readonly RedisReply[]> {
  const replies = await exchange(address, commands);
  replies.forEach((reply, index) => {
    if (!(reply instanceof RedisRefusal)) return;
    const command = commands[index]?.slice(0, 2).join(' ');
    throw new TestingError(`The Redis on port ${address.port} refused ${command}: ${reply.text}`, {
      context: { port: address.port },
    });
  });
  return replies;
}

function exchange(
  { host, port }: Address,
  commands: readonly (readonly string[])[],
): Promise<readonly RedisReply[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    let received: Buffer = Buffer.alloc(0);
    const fail = (why: string, cause?: unknown) => {
      socket.destroy();
      reject(new TestingError(`The Redis on port ${port} ${why}.`, { context: { port }, cause }));
    };
    socket.setTimeout(replyTimeoutMs, () => fail(`did not answer within ${replyTimeoutMs} ms`));
    socket.once('connect', () => socket.write(commands.map(encodeCommand).join('')));
    socket.on('data', (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      try {
        const replies = decodeReplies(received);
        if (replies.length < commands.length) return;
        socket.destroy();
        resolve(replies);
      } catch (cause) {
        fail('answered something else than Redis does', cause);
      }
    });
    socket.once('error', (cause) => fail('could not be reached', cause));
    socket.once('close', () => fail('closed the connection'));
  });
}
