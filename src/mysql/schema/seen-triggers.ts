import type { Cancellation } from '../server/cancellation.ts';
import type { Session } from '../server/session.ts';

/**
 * Whether the user sees the triggers of the session's database: who lacks TRIGGER is shown none, as if
 * there were none.
 */
export async function seesTriggers(session: Session, cancellation: Cancellation): Promise<boolean> {
  const ask = async (sql: string) => (await session.run({ sql, params: [] }, cancellation)).rows;
  const [row] = await ask('SELECT DATABASE() AS db');
  const database = String(row?.db);
  const grants = await ask('SHOW GRANTS FOR CURRENT_USER()');
  return grants.some((grant) => grantsTrigger(String(Object.values(grant)[0]), database));
}

/** Reads a line of SHOW GRANTS, such as "GRANT SELECT, TRIGGER ON `app\\_%`.* TO `me`@`%`". */
export function grantsTrigger(grant: string, database: string): boolean {
  const [, rights = '', on = ''] = /^GRANT (.+?) ON (.+?)\.\* TO /i.exec(grant) ?? [];
  if (!/\b(?:ALL PRIVILEGES|TRIGGER)\b/i.test(rights)) return false;
  return on === '*' || patternOf(on.replace(/^`|`$/g, '')).test(database);
}

/** A database in a grant is a pattern: % and _ stand for others unless they are escaped. */
function patternOf(name: string): RegExp {
  const pattern = name.replace(/\\([%_])|([%_])|[.*+?^${}()|[\]\\]/g, (all, escaped, wild) => {
    if (escaped !== undefined) return escaped;
    if (wild !== undefined) return wild === '%' ? '.*' : '.';
    return `\\${all}`;
  });
  return new RegExp(`^${pattern}$`, 'i');
}
