import type { Cancellation } from '../server/cancellation.ts';
import type { Session } from '../server/session.ts';

/** A stored function or procedure. */
export interface Routine {
  readonly isFunction: boolean;
  /** `MODIFIES SQL DATA` and the like: what its author says, which no server checks. */
  readonly access: string;
  /** Undefined where the user may not see it. */
  readonly body: string | undefined;
}

/** What runs inside of statements whose text does not show it: the views and routines of one shard's database. */
export interface SchemaObjects {
  /** What each view selects, by its name in lower case; undefined where the user may not see it. */
  readonly views: ReadonlyMap<string, string | undefined>;
  /** By their names in lower case. A function and a procedure may share one. */
  readonly routines: ReadonlyMap<string, readonly Routine[]>;
}

const viewsQuery = `SELECT table_name AS name, view_definition AS body
  FROM information_schema.views WHERE table_schema = DATABASE()`;
const routinesQuery = `SELECT routine_name AS name, routine_type AS type, sql_data_access AS access,
  routine_definition AS body FROM information_schema.routines WHERE routine_schema = DATABASE()`;

export async function readSchemaObjects(
  session: Session,
  cancellation: Cancellation,
): Promise<SchemaObjects> {
  const ask = async (sql: string) => (await session.run({ sql, params: [] }, cancellation)).rows;
  const views = new Map<string, string | undefined>();
  for (const { name, body } of await ask(viewsQuery)) {
    views.set(String(name).toLowerCase(), textOf(body));
  }
  const routines = new Map<string, Routine[]>();
  for (const { name, type, access, body } of await ask(routinesQuery)) {
    const named = routines.get(String(name).toLowerCase()) ?? [];
    routines.set(String(name).toLowerCase(), named);
    named.push({ isFunction: type === 'FUNCTION', access: String(access), body: textOf(body) });
  }
  return { views, routines };
}

/** How many views and functions there are whose definition the user may not see. */
export function unseenIn({ views, routines }: SchemaObjects): number {
  const functions = [...routines.values()].flat().filter(({ isFunction }) => isFunction);
  const bodies = [...views.values(), ...functions.map(({ body }) => body)];
  return bodies.filter((body) => body === undefined).length;
}

/** Of what the user may not see a server gives NULL, or nothing. */
function textOf(body: unknown): string | undefined {
  return body === null || body === undefined || body === '' ? undefined : String(body);
}
