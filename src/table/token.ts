import { RoutingError } from '../errors/routing-error.ts';

/**
 * A consistency token: names what a later read of this shard must have seen. Portable text, opaque
 * to its users.
 */
export function writeToken(shard: string, gtid: string | undefined): string | undefined {
  return gtid === undefined ? undefined : `${shard}=${gtid}`;
}

/** The shard whose write a token names. @throws {RoutingError} when it is no token. */
export function shardOfToken(token: string): string {
  const end = typeof token === 'string' ? token.indexOf('=') : -1;
  if (end < 1) throw new RoutingError('This is no consistency token; give the `token` of a write.');
  return token.slice(0, end);
}
