import { createHash } from 'node:crypto';
import { ownerMovedState } from '../errors/driver-fault.ts';
import { movesTable } from '../forwarding/forward-table.ts';
import { quoteName, type Statement } from '../mysql/sql/sql.ts';
import { arrivingVariable } from './moves-table.ts';

/** A table of a group, as far as a fence needs to know it. */
export interface FencedTable {
  readonly table: string;
  /** The table of the owners, the same for all of a group. */
  readonly ownerTable: string;
  /** The column that holds the owner's id. */
  readonly ownerColumn: string;
  /** BINARY(16), else text. */
  readonly ownerIsBinary: boolean;
}

/** A trigger that there is, and the table that it is of by now: one that was renamed keeps its triggers. */
export interface DefinedTrigger {
  readonly name: string;
  readonly table: string;
}

export interface FenceTrigger {
  readonly name: string;
  readonly ddl: string;
}

/**
 * What a table lacks of the triggers that refuse, from whomever, a row that is put where its owner is
 * no more, and changes of rows that are on two shards for a moment: of copies that have arrived for an
 * owner who has not, and of the rows they were made of.
 *
 * AFTER, not before: by then the row is locked, so a mover either waits for it or is past the check.
 * For new rows the check locks, because in REPEATABLE READ a plain read would see the past. Changes of
 * rows that were there need it only when a mover died, and are many: they go without.
 */
export function fenceTriggers(
  fenced: FencedTable,
  defined: readonly DefinedTrigger[],
): FenceTrigger[] {
  const { table, ownerTable, ownerColumn, ownerIsBinary } = fenced;
  const owner = (row: 'NEW' | 'OLD') => {
    const column = `${row}.${quoteName(ownerColumn)}`;
    return `REVERSE(${ownerIsBinary ? column : `UNHEX(REPLACE(${column}, '-', ''))`})`;
  };
  // Table names may take all 64 characters that a trigger's name may have.
  const tag = createHash('sha256').update(`${table}\0${ownerColumn}`).digest('hex').slice(0, 12);
  const ownerTableText = `'${ownerTable.replaceAll("'", "''")}'`;
  const trigger = (
    event: 'INSERT' | 'UPDATE' | 'DELETE',
    owners: string,
    refused: string,
  ): FenceTrigger[] => {
    const base = `meridian_fence_${tag}_${event.toLowerCase()}`;
    // What an online schema change has copied has another name behind this one.
    const named = defined.filter(({ name }) => name.startsWith(base));
    if (named.some((one) => one.table.toLowerCase() === table.toLowerCase())) return [];
    const taken = new Set(named.map(({ name }) => name));
    let name = base;
    for (let number = 1; taken.has(name); number++) name = `${base}_${number}`;
    const ddl =
      `CREATE TRIGGER ${name} AFTER ${event} ON ${quoteName(table)} FOR EACH ROW ` +
      `IF EXISTS (SELECT 1 FROM ${movesTable} WHERE owner_table = ${ownerTableText} AND reversed_owner ${owners} AND ${refused}) ` +
      `THEN SIGNAL SQLSTATE '${ownerMovedState}' SET MESSAGE_TEXT = 'meridian: the owner of this row has moved to another shard'; END IF`;
    return [{ name, ddl }];
  };
  const away = `(crossing = 1 OR state = 'moved' AND COALESCE(arriving <> ${arrivingVariable}, 1))`;
  const copied = `(crossing = 1 OR arriving <> COALESCE(${arrivingVariable}, ''))`;
  return [
    ...trigger('INSERT', `= ${owner('NEW')}`, `${away} LOCK IN SHARE MODE`),
    ...trigger('UPDATE', `IN (${owner('OLD')}, ${owner('NEW')})`, away),
    ...trigger('DELETE', `= ${owner('OLD')}`, copied),
  ];
}

export const readFenceTriggers: Statement = {
  sql: `SELECT trigger_name AS name, event_object_table AS tbl FROM information_schema.triggers
    WHERE trigger_schema = DATABASE() AND trigger_name LIKE 'meridian\\_fence\\_%'`,
  params: [],
};

/** Another process was first. */
export const triggerExists = 1359;
