import { createHash } from 'node:crypto';
import { ownerMovedState } from '../errors/driver-fault.ts';
import { arrivingVariable } from './moves-table.ts';
import { quoteName, type Statement } from './sql.ts';
import { movesTable } from './system-tables.ts';

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

export interface FenceTrigger {
  readonly name: string;
  readonly ddl: string;
}

/**
 * What refuses a row that is put, by whomever, where its owner is no more.
 *
 * AFTER, not before: by then the row is locked, so a mover either waits for it or has flipped before
 * the check. The check locks, because in REPEATABLE READ a plain read would see the past. One trigger
 * a table: when two are defined in quick succession, MariaDB 10.11 goes on answering "no such table"
 * to statements that were prepared before.
 */
export function fenceTrigger(fenced: FencedTable): FenceTrigger {
  const { table, ownerTable, ownerColumn } = fenced;
  const column = quoteName(ownerColumn);
  const owner = fenced.ownerIsBinary ? `NEW.${column}` : `UNHEX(REPLACE(NEW.${column}, '-', ''))`;
  // Table names may take all 64 characters that a trigger's name may have.
  const tag = createHash('sha256').update(`${table}\0${ownerColumn}`).digest('hex').slice(0, 12);
  const name = `meridian_fence_${tag}`;
  return {
    name,
    ddl:
      `CREATE TRIGGER ${name} AFTER INSERT ON ${quoteName(table)} FOR EACH ROW ` +
      `IF EXISTS (SELECT 1 FROM ${movesTable} WHERE owner_table = '${ownerTable.replaceAll("'", "''")}' ` +
      `AND owner = ${owner} AND state = 'moved' AND COALESCE(arriving <> ${arrivingVariable}, 1) LOCK IN SHARE MODE) ` +
      `THEN SIGNAL SQLSTATE '${ownerMovedState}' SET MESSAGE_TEXT = 'meridian: the owner of this row has moved to another shard'; END IF`,
  };
}

export const readTriggerNames: Statement = {
  sql: `SELECT trigger_name AS name FROM information_schema.triggers
    WHERE trigger_schema = DATABASE() AND trigger_name LIKE 'meridian\\_fence\\_%'`,
  params: [],
};

/** Another process was first. */
export const triggerExists = 1359;
