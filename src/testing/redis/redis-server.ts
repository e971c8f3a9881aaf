import type { RedisReply } from '../chaos/redis-protocol.ts';
import type { RedisRole, RedisServer } from '../runners/server.ts';
import { type ServerAddress, ServerHandle, type ServerRunner } from '../runners/server-handle.ts';
import { TestingError } from '../testing-error.ts';
import { askRedis } from './redis-dialog.ts';

/** What `ROLE` says of a server. */
export interface RedisStanding {
  readonly role: RedisRole;
  /** A replica's: where its master is, and whether it has all that the master has. */
  readonly follows?: { readonly port: number; readonly connected: boolean };
}

/** The handle of a Redis server or a Sentinel. */
export class RedisServerHandle extends ServerHandle implements RedisServer {
  readonly kind: 'redis' | 'sentinel';

  constructor(
    address: Omit<ServerAddress, 'url'>,
    runner: ServerRunner,
    kind: 'redis' | 'sentinel' = 'redis',
  ) {
    super({ ...address, url: `redis://${address.host}:${address.port}` }, runner);
    this.kind = kind;
  }

  async role(): Promise<RedisRole> {
    return (await standingOf(this)).role;
  }
}

/** @throws TestingError when the server does not answer, or not as a Redis does. */
export async function standingOf(server: RedisServer): Promise<RedisStanding> {
  const reply = await askRedis(server, 'ROLE');
  const [role, , port, link] = listOf(reply);
  switch (role) {
    case 'master':
    case 'sentinel':
      return { role };
    case 'slave':
      return {
        role: 'replica',
        follows: { port: Number(port), connected: link === 'connected' },
      };
    default:
      throw new TestingError(`Server '${server.name}' has a role that is not known.`, {
        context: { server: server.name },
      });
  }
}

/** The items of a reply that is a list; none when it is anything else. */
export function listOf(reply: RedisReply | undefined): readonly RedisReply[] {
  return isList(reply) ? reply : [];
}

function isList(reply: RedisReply | undefined): reply is readonly RedisReply[] {
  return Array.isArray(reply);
}
