import type { TransactionScope } from '../commit/transaction-scope.ts';
import { danglingReference, type ForeignKey, foreignReference } from './foreign-keys.ts';
import { ownerParam } from './moving-group.ts';
import { unfit } from './relocation-refusals.ts';
import type { CopiedTable } from './row-copy.ts';

/**
 * Looks for references that a move would cut. Foreign keys are off while rows are copied and deleted,
 * for rows that refer to each other come in no order that fits, and a cascade would delete what stays.
 *
 * Called with the owner's rows locked: whoever refers to one of them from then on has to wait.
 *
 * @throws {RelocationError}
 */
export async function assertNothingIsCut(
  tables: readonly CopiedTable[],
  keys: readonly ForeignKey[],
  owner: Buffer,
  source: TransactionScope,
  target: TransactionScope,
): Promise<void> {
  const byName = new Map(tables.map((table) => [table.table, table]));
  for (const key of keys) {
    const child = byName.get(key.table);
    const parent = byName.get(key.parent);
    if (child === undefined) continue;
    const mine = ownerParam(child, owner);
    const dangling = danglingReference(key, child.ownerColumn.name, mine);
    if ((await target.run(dangling)).rows.length > 0) {
      throw cut(`a row of '${key.table}' refers to a row of '${key.parent}' that is not there`);
    }
    if (parent === undefined) continue;
    const foreign = foreignReference(
      key,
      { ownerColumn: child.ownerColumn.name, owner: mine },
      { ownerColumn: parent.ownerColumn.name, owner: ownerParam(parent, owner) },
    );
    if ((await source.run(foreign)).rows.length > 0) {
      throw cut(`a row of '${key.table}' of another owner refers to a row of '${key.parent}'`);
    }
  }
}

function cut(what: string): Error {
  return unfit(`, because of a foreign key: ${what}.`);
}
