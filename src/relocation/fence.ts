import { TimeoutError } from '../errors/call-error.ts';
import { ConfigError } from '../errors/config-error.ts';
import { DriverFault, faultBehind } from '../errors/driver-fault.ts';
import { RelocationError } from '../errors/relocation-error.ts';
import type { Executor } from '../execution/executor.ts';
import type { Session } from '../mysql/server/session.ts';
import { quoteName } from '../mysql/sql/sql.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import { within } from '../resilience/time/within.ts';
import type { Shard } from '../topology/topology.ts';
import {
  type FencedTable,
  type FenceTrigger,
  fenceTriggers,
  readFenceTriggers,
  triggerExists,
} from './fence-triggers.ts';
import { keysAreSpread, spreadKeys } from './moves-table.ts';

/** A definition waits for open transactions, and everybody else for it: so it may not wait long. */
const definitionTimeoutMs = 1_000;

/** The server may not define triggers for this user: no right, or a binary log without trust. */
const mayNotDefine = new Set([1044, 1142, 1227, 1419]);

/** A table, and what it lacks. */
export interface Unfenced {
  readonly table: string;
  readonly missing: readonly FenceTrigger[];
}

/**
 * Makes a shard refuse rows of owners who have left it. The triggers come with the first owner who
 * leaves, and stay: a shard that nobody ever left pays nothing. On the others
 * an insert takes about 40 µs more.
 *
 * To define a trigger the server waits until every open transaction that has used the table has
 * ended, and lets no other begin to: whoever writes later runs it.
 */
export async function installFence(
  shard: Shard,
  tables: readonly FencedTable[],
  executor: Executor,
  deadline: Deadline,
): Promise<void> {
  const [owners] = tables;
  if (owners === undefined) return;
  const { primary } = shard;
  const isSpread = keysAreSpread(owners.ownerTable);
  if ((await executor.runStatement([primary], isSpread, 'read', deadline)).rows.length === 0) {
    await executor.runStatement([primary], spreadKeys(owners.ownerTable), 'write', deadline);
  }
  await defineFence(shard, await unfencedOf(shard, tables, executor, deadline), executor, deadline);
}

/** Of these tables those that lack triggers on a shard. */
export async function unfencedOf(
  shard: Shard,
  tables: readonly FencedTable[],
  executor: Executor,
  deadline: Deadline,
): Promise<Unfenced[]> {
  const { rows } = await executor.runStatement(
    [shard.primary],
    readFenceTriggers,
    'read',
    deadline,
  );
  const defined = rows.map(({ name, tbl }) => ({ name: String(name), table: String(tbl) }));
  return tables.flatMap((fenced): Unfenced[] => {
    const missing = fenceTriggers(fenced, defined);
    return missing.length === 0 ? [] : [{ table: fenced.table, missing }];
  });
}

/**
 * Defines what tables lack.
 *
 * @throws {ConfigError} with the statements, when the user may not; {@link RelocationError} when one is held.
 */
export async function defineFence(
  shard: Shard,
  unfenced: readonly Unfenced[],
  executor: Executor,
  deadline: Deadline,
): Promise<void> {
  for (const one of unfenced) {
    try {
      await define(shard, one, executor, deadline);
    } catch (error) {
      const errno = faultBehind(error)?.errno;
      if (errno === undefined || !mayNotDefine.has(errno)) throw error;
      throw notAllowed(shard, unfenced, error);
    }
  }
}

async function define(
  shard: Shard,
  unfenced: Unfenced,
  executor: Executor,
  deadline: Deadline,
): Promise<void> {
  const patience = Math.max(1, Math.min(definitionTimeoutMs, deadline.remainingMs));
  try {
    await within(patience, deadline, (waiting) =>
      executor.run([shard.primary], {
        access: 'write',
        deadline: waiting,
        run: (session) => defineLocked(session, unfenced, waiting),
      }),
    );
  } catch (error) {
    if (!(error instanceof TimeoutError) || deadline.reason !== undefined) throw error;
    const { table } = unfenced;
    throw new RelocationError(
      'busy',
      `Nothing was moved: for ${definitionTimeoutMs} ms a transaction held table '${table}', which needs a trigger that ` +
        'refuses rows of owners who have left. Try again when it has ended.',
      { cause: error, context: { table, shard: shard.name } },
    );
  }
}

/**
 * All triggers of a table at once: a statement that was prepared before, and is prepared again between
 * the first and the last of them, is answered "no such table" by MariaDB 10.11 ever after.
 */
async function defineLocked(
  session: Session,
  unfenced: Unfenced,
  patience: Deadline,
): Promise<void> {
  const [lock = '', ...rest] = script(unfenced);
  await session.control(lock, patience);
  try {
    for (const statement of rest.slice(0, -1)) {
      await session.control(statement, patience).catch((fault: unknown) => {
        if (!(fault instanceof DriverFault) || fault.errno !== triggerExists) throw fault;
      });
    }
  } finally {
    await session.control('UNLOCK TABLES', patience);
  }
}

function script({ table, missing }: Unfenced): string[] {
  return [
    `LOCK TABLES ${quoteName(table)} WRITE`,
    ...missing.map(({ ddl }) => ddl),
    'UNLOCK TABLES',
  ];
}

function notAllowed(shard: Shard, unfenced: readonly Unfenced[], cause: unknown): ConfigError {
  const problem = {
    path: shard.primary.path,
    message:
      'this user may not define triggers. Grant it TRIGGER and LOCK TABLES (and set log_bin_trust_function_creators). ' +
      `Where it must not define them, run this as an administrator; ${fenceScript(unfenced)}`,
  };
  const message = `Shard ${shard.name} must refuse rows of owners who have left it`;
  return new ConfigError(message, [problem], { cause });
}

/** What somebody else may run, and what the user needs to see that it was run. */
export function fenceScript(unfenced: readonly Unfenced[]): string {
  return (
    'MySQL, unlike MariaDB, shows triggers only to who has TRIGGER, so there the grant is needed all the same:\n' +
    `DELIMITER //\n${unfenced.flatMap(script).join(' //\n')} //\nDELIMITER ;`
  );
}
