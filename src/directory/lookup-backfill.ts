import type { Committed } from '../commit/transaction.ts';
import { DuplicateKeyError } from '../errors/database-error.ts';
import type { Call } from '../execution/call.ts';
import { changePrimary } from '../execution/on-primary.ts';
import { readLastMove } from '../forwarding/forward-table.ts';
import { afterBackfill, keysFactOf } from '../identity/directory-keys.ts';
import { readFacts, replaceFact } from '../identity/facts-table.ts';
import type { RawRow } from '../mysql/sql/sql.ts';
import { within } from '../resilience/time/within.ts';
import { firstLocatorOf, keyspaceOf } from '../routing/router.ts';
import { shardsInBulk } from '../rows/reads/shards-in-bulk.ts';
import type { TableRuntime } from '../rows/table-runtime.ts';
import type { Shard } from '../topology/topology.ts';
import { holdsSame, reservationsOf } from './lookup-reservations.ts';
import { cacheKeyOf } from './lookup-values.ts';
import type { Reservation } from './reservation.ts';
import type { TableLookup } from './table-lookups.ts';

/**
 * How far a backfill has come.
 *
 * @see {@link BackfillOptions}
 */
export interface BackfillProgress {
  /** Rows read so far; twice those that had to be read again because owners were relocated meanwhile. */
  readonly scanned: number;
  /** Rows that the directory did not know, and now does. */
  readonly entered: number;
}

/**
 * Which rows a backfill reads, and who is told of it.
 *
 * @example
 * await data.users.backfill('email', {
 *   regions: ['eu'],
 *   onProgress: ({ scanned, entered }) => log.info({ scanned, entered }, 'backfill'),
 * });
 */
export interface BackfillOptions {
  /** Ends the backfill; what is entered by then stays. */
  readonly signal?: AbortSignal;
  /**
   * Reads only the shards of these regions; a process beside a strict region must leave that one to
   * a process there. Default: all.
   */
  readonly regions?: readonly string[];
  /** Is called after every page of rows. */
  readonly onProgress?: (progress: BackfillProgress) => void;
}

/**
 * What a backfill came to.
 *
 * @example
 * const { duplicates, invalid }: BackfillResult<string> = await data.users.backfill('email');
 */
export interface BackfillResult<RowKey = unknown> extends BackfillProgress {
  /** Rows whose value another row holds, by primary key. They can't be found by it. */
  readonly duplicates: readonly RowKey[];
  /** Rows whose value the lookup refuses: `normalize` does, or it is too long. By primary key. */
  readonly invalid: readonly RowKey[];
}

const rowsPerPage = 128;
const pageTimeoutMs = 30_000;

interface Scan {
  readonly runtime: TableRuntime;
  readonly lookup: TableLookup;
  scanned: number;
  entered: number;
  readonly duplicates: unknown[];
  readonly invalid: unknown[];
}

/** One row of a page that has a value. */
interface ScannedRow {
  readonly raw: RawRow;
  readonly key: unknown;
  readonly reservations: readonly Reservation[];
}

/** The value changed while its row was about to be entered; whoever changed it enters it. */
class ValueChanged extends Error {}

/** Enters what the directory lacks of one lookup, shard after shard, again if owners moved meanwhile. */
export function backfill(
  runtime: TableRuntime,
  lookup: TableLookup,
  options: BackfillOptions = {},
): Promise<BackfillResult> {
  const { calls, table } = runtime;
  const { signal } = options;
  const limits = { timeoutMs: Number.POSITIVE_INFINITY, ...(signal !== undefined && { signal }) };
  return calls.run('backfill', table.name, limits, (whole) =>
    enter(runtime, lookup, options, whole),
  );
}

async function enter(
  runtime: TableRuntime,
  lookup: TableLookup,
  { regions, onProgress }: BackfillOptions,
  whole: Call,
): Promise<BackfillResult> {
  const shards = shardsInBulk(runtime, whole.topology, regions);
  const scan: Scan = {
    runtime,
    lookup,
    scanned: 0,
    entered: 0,
    duplicates: [],
    invalid: [],
  };
  const inTime = <T>(work: (call: Call) => Promise<T>) => within(pageTimeoutMs, whole, work);
  let moves = await inTime((call) => lastMoves(runtime, call));
  for (;;) {
    scan.duplicates.length = 0;
    scan.invalid.length = 0;
    for (const shard of shards) {
      let after: RawRow | undefined;
      do {
        after = await inTime((call) => enterPage(scan, shard, after, call));
        onProgress?.({ scanned: scan.scanned, entered: scan.entered });
      } while (after !== undefined);
    }
    // Who moved from a shard that was not read yet to one that was, was seen on neither.
    const before = moves;
    moves = await inTime((call) => lastMoves(runtime, call));
    if (moves === before) break;
  }
  for (const shard of shards) {
    await inTime((call) => recordEntered(scan, shard, call));
  }
  const { scanned, entered, duplicates, invalid } = scan;
  return { scanned, entered, duplicates, invalid };
}

/** Services may ask from now on with any key under which every value of the shard is entered. */
async function recordEntered(
  { runtime: { executor, table }, lookup: { plan, values } }: Scan,
  shard: Shard,
  call: Call,
): Promise<void> {
  if (values.keyIds.length === 0) return;
  const name = keysFactOf(table.name, plan.column);
  await changePrimary({ executor, deadline: call }, shard, async (session) => {
    const recorded = (await readFacts(session, call)).get(name);
    const value = recorded === undefined ? undefined : afterBackfill(recorded, values.keyIds);
    if (recorded === undefined || value === undefined) return;
    await session.run(replaceFact(name, recorded, value), call);
  });
}

/** Differs from what it was when an owner has moved meanwhile. */
async function lastMoves(
  { table, executor, forwarding }: TableRuntime,
  call: Call,
): Promise<string> {
  if (!forwarding.mayMove) return '';
  const answers = await Promise.all(
    keyspaceOf(call.topology, table.keyspace).shards.map(({ primary }) =>
      executor.runStatement([primary], readLastMove, 'read', call),
    ),
  );
  return answers.map(({ rows }) => `${rows[0]?.moves} ${rows[0]?.last}`).join();
}

/** Enters one page of a shard's rows; returns its last row, or undefined when there are no more. */
async function enterPage(
  scan: Scan,
  shard: Shard,
  after: RawRow | undefined,
  call: Call,
): Promise<RawRow | undefined> {
  const { runtime, lookup } = scan;
  const { codec, statements, executor, table } = runtime;
  const { column } = lookup.plan;
  const statement = statements.scan(column, after && codec.paramOf(after), rowsPerPage);
  const { rows } = await executor.runStatement([shard.primary], statement, 'read', call);
  scan.scanned += rows.length;
  // Any slot of the shard leads to it; the row's own id may name the one that it has left.
  const locator = firstLocatorOf(call.topology, shard.name);
  const valued = rows.flatMap((raw): ScannedRow[] => {
    const value = codec.valueOf(column, raw);
    if (value === null) return [];
    const key = codec.valueOf(table.primaryKey, raw);
    if (lookup.values.held(value) === undefined) {
      scan.invalid.push(key);
      return [];
    }
    const row = { rowKey: codec.key(key).text, locator };
    const reservations = reservationsOf(runtime, [lookup], row, null, { [column]: value });
    return [{ raw, key, reservations }];
  });
  const known = await lookup.directory.findMany(
    valued.flatMap(({ reservations }) => reservations),
    call,
  );
  const confirmed = new Set(
    known
      .filter(({ state }) => state === 'confirmed')
      .map(({ value, rowKey }) => entryId(value, rowKey)),
  );
  for (const row of valued) {
    const lacking = row.reservations.filter(
      ({ value, rowKey }) => !confirmed.has(entryId(value, rowKey)),
    );
    if (lacking.length > 0) await enterRow(scan, shard, { ...row, reservations: lacking }, call);
  }
  return rows.length < rowsPerPage ? undefined : rows.at(-1);
}

/** Like a change of the row that changes nothing: the row is locked while its value is entered. */
async function enterRow(
  scan: Scan,
  { primary, name: shard }: Shard,
  { raw, key, reservations }: ScannedRow,
  call: Call,
): Promise<void> {
  const { runtime, lookup } = scan;
  const { codec, statements } = runtime;
  const { column } = lookup.plan;
  const before = { [column]: codec.valueOf(column, raw) };
  const identity = codec.identityOf(raw);
  const isStill = (row: RawRow) =>
    holdsSame([lookup], before, { [column]: codec.valueOf(column, row) });
  const entering = (): Promise<Committed<void>> =>
    lookup.writes.write(
      primary,
      reservations,
      call,
      () => {},
      async (scope) => {
        const { rows } = await scope.run(statements.lockByKeys([codec.paramOf(raw)]));
        const locked = rows.find((row) => codec.identityOf(row) === identity);
        if (locked === undefined || !isStill(locked)) throw new ValueChanged();
      },
    );
  try {
    await entering();
    scan.entered++;
    runtime.seen.note(shard, undefined);
    await lookup.cache?.invalidate(reservations.map(({ value }) => cacheKeyOf(value)));
  } catch (error) {
    if (error instanceof DuplicateKeyError) scan.duplicates.push(key);
    else if (!(error instanceof ValueChanged)) throw error;
  }
}

function entryId(value: Uint8Array, rowKey: string): string {
  return `${Buffer.from(value).toString('latin1')} ${rowKey}`;
}
