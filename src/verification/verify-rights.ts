import type { Problem } from '../errors/config-error.ts';
import { DriverFault } from '../errors/driver-fault.ts';
import { type Asking, onPrimary } from '../execution/on-primary.ts';
import { factsRights, factsTable } from '../identity/facts-table.ts';
import type { Session } from '../mysql/server/session.ts';
import { quoteName } from '../mysql/sql/sql.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Shard } from '../topology/topology.ts';
import { mayNotWrite } from './verify-facts.ts';

/**
 * Makes sure that this process may say all the time which Redis it uses: without that it would start,
 * and its Redis would stay out of use for good.
 */
export async function verifyRights(
  asking: Asking,
  shards: readonly Shard[],
  problems: Problem[],
): Promise<void> {
  const found = shards.map((shard) =>
    onPrimary(asking, shard, async (session, deadline): Promise<Problem[]> => {
      const missing: string[] = [];
      for (const [right, sql] of Object.entries(factsRights)) {
        try {
          await session.control(sql, deadline);
        } catch (error) {
          if (!(error instanceof DriverFault && mayNotWrite.has(error.errno))) throw error;
          missing.push(right);
        }
      }
      return missing.length === 0 ? [] : [await problemOf(shard, missing, session, deadline)];
    }),
  );
  problems.push(...(await Promise.all(found)).flat());
}

async function problemOf(
  { name, primary }: Shard,
  missing: readonly string[],
  session: Session,
  deadline: Deadline,
): Promise<Problem> {
  const { rows } = await session.control(
    'SELECT DATABASE() AS name, CURRENT_USER() AS account',
    deadline,
  );
  const account = String(rows[0]?.account);
  const at = account.lastIndexOf('@');
  const [user, host] = [account.slice(0, at), account.slice(at + 1)].map(quoted);
  const table = `${quoteName(String(rows[0]?.name))}.${quoteName(factsTable)}`;
  return {
    path: primary.path,
    message:
      `the user of shard '${name}' may not record which Redis this process uses, so its caches would stay without one. Run:\n` +
      `GRANT ${missing.join(', ')} ON ${table} TO ${user}@${host};`,
  };
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
