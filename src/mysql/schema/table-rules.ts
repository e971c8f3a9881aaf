import type { Cancellation } from '../server/cancellation.ts';
import type { Session } from '../server/session.ts';
import { readSchemaObjects, type SchemaObjects } from './schema-objects.ts';
import { seesTriggers } from './seen-triggers.ts';

/** A unique index beside the primary key. */
export interface UniqueIndex {
  readonly name: string;
  readonly columns: readonly string[];
}

/** A foreign key by which a change of other rows changes or deletes rows of the table. */
export interface Cascade {
  readonly name: string;
  /** `ON DELETE CASCADE`, say. */
  readonly rule: string;
}

/** A trigger, or an event of the server's clock. */
export interface Trigger {
  readonly name: string;
  /** Whose changes it follows; undefined for an event. */
  readonly table: string | undefined;
  readonly body: string;
}

/** What a server does with a table's rows beside what it is asked for. */
export interface TableRules {
  readonly engine: string;
  readonly uniqueIndexes: readonly UniqueIndex[];
  readonly cascades: readonly Cascade[];
}

/** Of one shard's database. */
export interface DatabaseRules {
  readonly tables: ReadonlyMap<string, TableRules>;
  /** As far as the user may see them: it needs the TRIGGER right on their table. */
  readonly triggers: readonly Trigger[];
  readonly seesTriggers: boolean;
  readonly objects: SchemaObjects;
}

type Building = TableRules & { uniqueIndexes: UniqueIndex[]; cascades: Cascade[] };

const engines = `SELECT table_name AS tbl, engine AS engine FROM information_schema.tables
  WHERE table_schema = DATABASE() AND engine IS NOT NULL`;
const uniques = `SELECT table_name AS tbl, index_name AS name, column_name AS col
  FROM information_schema.statistics WHERE table_schema = DATABASE() AND non_unique = 0
  AND index_name <> 'PRIMARY' ORDER BY table_name, index_name, seq_in_index`;
const references = `SELECT table_name AS tbl, constraint_name AS name, delete_rule AS onDelete, update_rule AS onUpdate
  FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()`;
/** Of other databases those that name this one; their tables are no tables of this one, whatever their name. */
const triggers = `SELECT trigger_name AS name, action_statement AS body,
    IF(event_object_schema = DATABASE(), event_object_table, CONCAT(event_object_schema, '.', event_object_table)) AS tbl
  FROM information_schema.triggers
  WHERE trigger_schema = DATABASE() OR LOCATE(DATABASE(), action_statement) > 0`;
const events = `SELECT event_name AS name, event_definition AS body FROM information_schema.events
  WHERE event_schema = DATABASE() OR LOCATE(DATABASE(), event_definition) > 0`;

const harmless = new Set(['RESTRICT', 'NO ACTION']);

export async function readDatabaseRules(
  session: Session,
  cancellation: Cancellation,
): Promise<DatabaseRules> {
  const ask = async (sql: string) => (await session.run({ sql, params: [] }, cancellation)).rows;
  const tables = new Map<string, Building>();
  for (const { tbl, engine } of await ask(engines)) {
    tables.set(String(tbl), { engine: String(engine), uniqueIndexes: [], cascades: [] });
  }
  const columnsOf = new Map<string, string[]>();
  for (const { tbl, name, col } of await ask(uniques)) {
    const id = JSON.stringify([tbl, name]);
    const columns = columnsOf.get(id) ?? [];
    columns.push(String(col));
    if (columns.length > 1) continue;
    columnsOf.set(id, columns);
    tables.get(String(tbl))?.uniqueIndexes.push({ name: String(name), columns });
  }
  for (const { tbl, name, onDelete, onUpdate } of await ask(references)) {
    for (const [event, action] of [
      ['DELETE', String(onDelete)],
      ['UPDATE', String(onUpdate)],
    ] as const) {
      if (harmless.has(action)) continue;
      tables.get(String(tbl))?.cascades.push({ name: String(name), rule: `ON ${event} ${action}` });
    }
  }
  const found = [...(await ask(triggers)), ...(await ask(events))];
  return {
    tables,
    triggers: found.map(({ name, tbl, body }) => ({
      name: String(name),
      table: tbl === undefined ? undefined : String(tbl),
      body: String(body),
    })),
    seesTriggers: await seesTriggers(session, cancellation),
    objects: await readSchemaObjects(session, cancellation),
  };
}
