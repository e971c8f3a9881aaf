import { ConfigError } from '../errors/config-error.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import type { Executor } from '../execution/executor.ts';
import {
  type FenceTrigger,
  fenceTriggers,
  readTriggerNames,
  triggerExists,
} from '../mysql/fence-triggers.ts';
import { keysAreSpread, spreadKeys } from '../mysql/moves-table.ts';
import { type CopiedTable, isBinaryId } from '../mysql/row-copy.ts';
import type { Deadline } from '../resilience/deadline.ts';
import { within } from '../resilience/within.ts';
import type { Shard } from '../topology/topology.ts';

/** A definition waits for open transactions, and everybody else for it: so it may not wait long. */
const definitionTimeoutMs = 1_000;

/** The server may not define triggers for this user: no right, or a binary log without trust. */
const mayNotDefine = new Set([1142, 1227, 1419]);

/**
 * Makes a shard refuse rows of owners who have left it. The triggers come with the first owner who
 * leaves, and stay: a shard that nobody ever left pays nothing. The others pay about 15 µs for
 * each row that is written, of some 80 µs that a write of one row takes next to its server.
 *
 * To define a trigger the server waits until every open transaction that has used the table has
 * ended, and lets no other begin to: whoever writes later runs it.
 */
export async function installFence(
  shard: Shard,
  tables: readonly CopiedTable[],
  executor: Executor,
  deadline: Deadline,
): Promise<void> {
  const [owners] = tables;
  if (owners === undefined) return;
  const wanted = tables.flatMap(({ table, ownerColumn }) =>
    fenceTriggers({
      table,
      ownerTable: owners.table,
      ownerColumn: ownerColumn.name,
      ownerIsBinary: isBinaryId(ownerColumn),
    }),
  );
  const { primary } = shard;
  const isSpread = keysAreSpread(owners.table);
  if ((await executor.runStatement([primary], isSpread, 'read', deadline)).rows.length === 0) {
    await executor.runStatement([primary], spreadKeys(owners.table), 'write', deadline);
  }
  const { rows } = await executor.runStatement([primary], readTriggerNames, 'read', deadline);
  const present = new Set(rows.map(({ name }) => String(name)));
  const missing = wanted.filter(({ name }) => !present.has(name));
  for (const trigger of missing) await define(shard, trigger, missing, executor, deadline);
}

async function define(
  shard: Shard,
  { ddl }: FenceTrigger,
  missing: readonly FenceTrigger[],
  executor: Executor,
  deadline: Deadline,
): Promise<void> {
  const patience = Math.max(1, Math.min(definitionTimeoutMs, deadline.remainingMs));
  try {
    await within(patience, deadline, (waiting) =>
      executor.run([shard.primary], {
        access: 'write',
        deadline: waiting,
        run: (session) => session.control(ddl, waiting),
      }),
    );
  } catch (error) {
    const errno = isMeridianError(error) ? error.context.errno : undefined;
    if (errno === triggerExists) return;
    if (typeof errno !== 'number' || !mayNotDefine.has(errno)) throw error;
    throw new ConfigError(
      `Shard ${shard.name} must refuse rows of owners who have left it`,
      [
        {
          path: `shards.${shard.name}.primary`,
          message:
            'this user may not create triggers. Grant it TRIGGER (and set log_bin_trust_function_creators), ' +
            `or run as an administrator:\nDELIMITER //\n${missing.map((trigger) => `${trigger.ddl} //\n`).join('')}DELIMITER ;`,
        },
      ],
      { cause: error },
    );
  }
}
