import type { Cancellation } from './cancellation.ts';
import type { Session } from './session.ts';

/** Replication demands that `server_id` differs among the servers of a shard. The comment is executable on MySQL. */
const identityQuery = "SELECT CONCAT_WS('/', @@server_id /*!80000 , @@server_uuid */) AS identity";

const identities = new WeakMap<object, string>();

/**
 * Which server a session's connection leads to: another one after a failover, the same one after a
 * restart. Asked once for each connection.
 */
export async function serverIdentity(
  session: Session,
  cancellation: Cancellation,
): Promise<string> {
  const known = identities.get(session.connection);
  if (known !== undefined) return known;
  // As good as not sent: whoever asks has done nothing yet.
  const { rows } = await session.control(identityQuery, cancellation, 'queued');
  const identity = String(rows[0]?.identity);
  identities.set(session.connection, identity);
  return identity;
}
