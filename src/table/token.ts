/**
 * A consistency token: names what a later read of this shard must have seen. Portable text, opaque
 * to its users.
 */
export function writeToken(shard: string, gtid: string | undefined): string | undefined {
  return gtid === undefined ? undefined : `${shard}=${gtid}`;
}
