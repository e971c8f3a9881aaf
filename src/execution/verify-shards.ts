import { randomUUID } from 'node:crypto';
import type { Problem } from '../errors/config-error.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import {
  claimIdentity,
  holdsRows,
  identityDdl,
  identityTable,
  readIdentity,
  replaceSlots,
} from '../mysql/identity-table.ts';
import type { Session } from '../mysql/session.ts';
import type { Observer } from '../observability/events.ts';
import { Deadline } from '../resilience/deadline.ts';
import { judgeIdentities, remapProblem, type ShardFinding } from '../topology/shard-identity.ts';
import type { Shard, Topology } from '../topology/topology.ts';
import type { Executor } from './executor.ts';

const replicaTimeoutMs = 3_000;

interface Verification {
  readonly topology: Topology;
  readonly executor: Executor;
  readonly deadline: Deadline;
  /** Whether databases without an identity may be given one. */
  readonly systemTables: 'create' | 'verify';
  /** Tables that every shard holds in full: their rows live in no slot. */
  readonly referenceTables: ReadonlySet<string>;
  readonly observe: Observer;
}

/**
 * Makes sure, before any traffic, that each shard's database is the one that the topology means and
 * holds the slots that the topology gives it. Databases used for the first time are recorded.
 *
 * @returns the value that all databases of this system share; undefined when there is a problem.
 */
export async function verifyShards(
  verification: Verification,
  problems: Problem[],
): Promise<string | undefined> {
  const { topology, systemTables, observe } = verification;
  const shards = [...topology.shards.values()];
  const primaries = await Promise.all(
    shards.map(async (shard) => ({
      shard,
      recorded: await onPrimary(verification, shard, readIdentity),
    })),
  );
  const findings = [...primaries, ...(await askReplicas(verification, shards))];
  const before = problems.length;
  const { unclaimed, remapped, system } = judgeIdentities(findings, problems);
  for (const keyspace of new Set(remapped.map(({ shard }) => shard.keyspace))) {
    const moved = remapped.filter(({ shard }) => shard.keyspace === keyspace);
    await remap(verification, keyspace, moved, problems);
  }
  if (systemTables === 'verify') {
    for (const shard of unclaimed) problems.push(unclaimedProblem(shard));
  }
  if (problems.length > before || systemTables === 'verify') return system;
  let drawn = system;
  const claimed: ShardFinding[] = [];
  // One after the other, in an order that all processes share: the first database decides which
  // system the others join, also when several processes start at once.
  for (const shard of unclaimed.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const claim = {
      system: drawn ?? randomUUID(),
      keyspace: shard.keyspace,
      shard: shard.name,
      slots: shard.slotFingerprint,
    };
    const recorded = await onPrimary(verification, shard, (session, deadline) =>
      claimIdentity(session, claim, deadline),
    );
    drawn ??= recorded.system;
    claimed.push({ shard, recorded });
    observe({ type: 'identity-recorded', shard: shard.name, keyspace: shard.keyspace });
  }
  judgeIdentities(
    [...findings.filter(({ recorded }) => recorded !== undefined), ...claimed],
    problems,
  );
  return drawn;
}

/** A replica that does not answer is left out: it must not keep a service from starting. */
async function askReplicas(
  { executor, deadline, observe }: Verification,
  shards: readonly Shard[],
): Promise<ShardFinding[]> {
  const asked = shards.flatMap((shard) =>
    shard.replicas.map(async (replica): Promise<ShardFinding> => {
      const patience = new Deadline(Math.max(1, Math.min(replicaTimeoutMs, deadline.remainingMs)));
      try {
        const recorded = await executor.run([replica], {
          access: 'read',
          deadline: patience,
          run: (session) => readIdentity(session, patience),
        });
        return { shard, replica, recorded };
      } catch (error) {
        if (!isMeridianError(error)) throw error;
        observe({ type: 'endpoint-fault', endpoint: replica.name, message: error.message });
        return { shard, replica, recorded: undefined };
      } finally {
        patience.end();
      }
    }),
  );
  return Promise.all(asked);
}

/** Other slots are harmless while the whole keyspace is empty; then the record follows. */
async function remap(
  verification: Verification,
  keyspace: string,
  moved: readonly { readonly shard: Shard; readonly recordedSlots: string }[],
  problems: Problem[],
): Promise<void> {
  const shards = verification.topology.keyspaces.get(keyspace)?.shards ?? [];
  const full = await Promise.all(
    shards.map((shard) =>
      onPrimary(verification, shard, (session, deadline) =>
        holdsRows(session, verification.referenceTables, deadline),
      ),
    ),
  );
  const empty = !full.includes(true);
  const kept: string[] = [];
  for (const { shard, recordedSlots } of moved) {
    const replaced =
      empty &&
      verification.systemTables === 'create' &&
      (await onPrimary(verification, shard, (session, deadline) =>
        replaceSlots(session, recordedSlots, shard.slotFingerprint, deadline),
      ));
    if (!replaced) kept.push(shard.name);
  }
  if (kept.length > 0) problems.push(remapProblem(keyspace, kept));
}

function unclaimedProblem({ name, keyspace, slotFingerprint }: Shard): Problem {
  return {
    path: `shards.${name}.primary`,
    message:
      `this database has no identity yet. Start once with systemTables: 'create', or run:\n${identityDdl};\n` +
      `INSERT INTO ${identityTable} (id, system_id, keyspace_name, shard_name, slots) ` +
      `VALUES (1, '<one UUID for all shards>', '${keyspace}', '${name}', '${slotFingerprint}');`,
  };
}

function onPrimary<T>(
  { executor, deadline }: Verification,
  shard: Shard,
  run: (session: Session, deadline: Deadline) => Promise<T>,
): Promise<T> {
  return executor.run([shard.primary], {
    access: 'read',
    deadline,
    run: (session) => run(session, deadline),
  });
}
