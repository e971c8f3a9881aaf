import type { Command, Redis } from 'ioredis';
import { fillScript, leaseScript } from '../../../src/cache/redis/lease-scripts.ts';

/**
 * A fence to take out between the cache and Redis. `fence`: every lease is granted and every fill
 * stored. `messages`: what others invalidate is not heard, though heartbeats are. `stamp`: each server
 * says that it is the same one, in the same run and tenure.
 */
export type Fence = 'fence' | 'messages' | 'stamp';

type Change = (command: Command) => void;

const fillAlways = `redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) return 1`;

const grantAndFill: Change = (command) => {
  const { name, args } = command;
  if (name !== 'evalsha') return;
  const always = new Map<unknown, string>([
    [leaseScript.sha, 'return 1'],
    [fillScript.sha, fillAlways],
  ]).get(args[0]);
  if (always === undefined) return;
  command.name = 'eval';
  command.args = [always, ...args.slice(1)];
};

const sameRun: Change = (command) => {
  if (command.name !== 'info') return;
  const { resolve } = command;
  command.resolve = (reply: unknown) =>
    // As it came from the server: the client makes a string of it afterwards.
    resolve(Buffer.from(String(reply).replace(/(run_id|master_replid):\w+/g, '$1:theSameOne')));
};

/** Takes a fence out of one connection. It changes the client, not the cache: that has no hooks. */
export function takeOut(fence: Fence, client: Redis): void {
  if (fence === 'messages') {
    const emit = client.emit.bind(client);
    const emitBeats: typeof emit = (event, ...given) => {
      const isLost = event === 'message' && String(given[0]).includes(':invalidated:');
      return isLost || emit(event, ...given);
    };
    Object.assign(client, { emit: emitBeats });
    return;
  }
  const change = fence === 'fence' ? grantAndFill : sameRun;
  const send = client.sendCommand.bind(client);
  const sendChanged: typeof send = (command, stream) => {
    change(command);
    return send(command, stream);
  };
  Object.assign(client, { sendCommand: sendChanged });
}
