import { randomUUID } from 'node:crypto';
import { ConfigError, type Problem } from '../errors/config-error.ts';
import { UnavailableError } from '../errors/database-error.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import type { Executor } from '../execution/executor.ts';
import { changePrimary, onPrimary } from '../execution/on-primary.ts';
import { readFacts } from '../identity/facts-table.ts';
import {
  claimIdentity,
  identityDdl,
  identityTable,
  isReadOnly,
  readIdentity,
  replaceSlots,
} from '../identity/identity-table.ts';
import {
  foundedProblem,
  judgeIdentities,
  type KnownSystem,
  remapProblem,
  type ShardFinding,
} from '../identity/shard-identity.ts';
import { topologyFacts } from '../identity/shared-facts.ts';
import type { Observer } from '../observability/events.ts';
import { Deadline } from '../resilience/time/deadline.ts';
import type { Endpoint, Shard, Topology } from '../topology/topology.ts';
import { checkFacts, isEmpty, isNewer } from './verify-facts.ts';

const patienceMs = 3_000;

export interface Verification {
  readonly topology: Topology;
  /** Those that are verified; their replicas too, as far as they answer. */
  readonly shards: readonly Shard[];
  /** What shards that were verified before belong to. */
  readonly known?: KnownSystem | undefined;
  readonly executor: Executor;
  readonly deadline: Deadline;
  /** Whether databases without an identity may be given one. */
  readonly systemTables: 'create' | 'verify';
  /** Tables that every shard holds in full: their rows live in no slot. */
  readonly referenceTables: ReadonlySet<string>;
  /** Names of the system tables whose rows do. */
  readonly placedTables: readonly string[];
  readonly observe: Observer;
}

type SlotRecording = Pick<
  Verification,
  'topology' | 'executor' | 'deadline' | 'systemTables' | 'referenceTables' | 'placedTables'
>;

/** What shards that fit were found to be. */
export interface Verified {
  /** The value that all databases of this system share; undefined when there is a problem. */
  readonly system: string | undefined;
  /** Endpoints that may be asked: not replicas that are down, or that have no identity yet. */
  readonly endpoints: readonly Endpoint[];
  /** Shards of empty keyspaces that get other slots, by what `recordSlots` does. */
  readonly remapped: readonly Remapped[];
}

/** A shard whose recorded slots are not those of the topology. */
interface Remapped {
  readonly shard: Shard;
  readonly recordedSlots: string;
}

/**
 * Makes sure, before any traffic, that each shard's database is the one that the topology means and
 * holds the slots that the topology gives it. Databases used for the first time are recorded; what is
 * on record stays as it is.
 */
export async function verifyShards(
  verification: Verification,
  problems: Problem[],
): Promise<Verified> {
  const { shards, known, systemTables, observe } = verification;
  const primaries = await Promise.all(
    shards.map(async (shard) => ({
      shard,
      recorded: await onPrimary(verification, shard, readIdentity),
      readOnly: await onPrimary(verification, shard, isReadOnly),
    })),
  );
  const replied = await askReplicas(verification, shards);
  const findings = [...primaries, ...replied];
  const before = problems.length;
  for (const { shard, readOnly } of primaries) if (readOnly) problems.push(readOnlyProblem(shard));
  const { unclaimed, remapped, system } = judgeIdentities(findings, problems, known);
  const replicas = replied.flatMap(({ replica = [], recorded }) =>
    recorded === undefined ? [] : replica,
  );
  const endpoints = [...shards.map(({ primary }) => primary), ...replicas];
  if (problems.length === before) {
    // Before anything is recorded anew: a topology that is mistaken must not stand in the way of the right one.
    const { topology } = verification;
    const declare = (shard: Shard) => topologyFacts(topology, shard);
    await checkFacts({ ...verification, declare }, problems);
    if (problems.length > before) return { system, endpoints, remapped };
  }
  for (const [keyspace, moved] of byKeyspace(remapped)) {
    if (await mayRemap(verification, keyspace, moved)) continue;
    problems.push(remapProblem(keyspace, namesOf(moved)));
  }
  if (systemTables === 'verify') {
    // One for all of them, or they would be two systems.
    const own = system ?? randomUUID();
    for (const shard of unclaimed) problems.push(unclaimedProblem(shard, own));
  }
  if (problems.length > before || systemTables === 'verify') {
    return { system, endpoints, remapped };
  }
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
    const recorded = await changePrimary(verification, shard, (session, deadline) =>
      claimIdentity(session, claim, deadline),
    );
    drawn ??= recorded.system;
    claimed.push({ shard, recorded });
    // Somebody else founds this keyspace, and otherwise: what is still free is left to that one.
    if (recorded.slots !== claim.slots) break;
    observe({ type: 'identity-recorded', shard: shard.name, keyspace: shard.keyspace });
  }
  const founded = judgeIdentities(
    [...findings.filter(({ recorded }) => recorded !== undefined), ...claimed],
    problems,
    known,
  );
  const lost = founded.remapped.filter(({ shard }) => unclaimed.includes(shard));
  problems.push(...lost.map(({ shard }) => foundedProblem(shard)));
  return { system: drawn, endpoints, remapped };
}

/** Records the slots that empty keyspaces get, once everything else was found to fit. */
export async function recordSlots(
  verification: SlotRecording,
  remapped: readonly Remapped[],
  problems: Problem[],
): Promise<void> {
  for (const [keyspace, moved] of byKeyspace(remapped)) {
    // Rows may have come meanwhile.
    const mayReplace = await mayRemap(verification, keyspace, moved);
    const kept: Remapped[] = [];
    for (const one of moved) {
      const { shard, recordedSlots } = one;
      const replaced =
        mayReplace &&
        (await changePrimary(verification, shard, (session, deadline) =>
          replaceSlots(session, recordedSlots, shard.slotFingerprint, deadline),
        ));
      if (!replaced) kept.push(one);
    }
    if (kept.length > 0) problems.push(remapProblem(keyspace, namesOf(kept)));
  }
}

/**
 * Makes sure that a replica follows the database that the topology means.
 *
 * @throws {ConfigError} when it does not; {@link UnavailableError} when it does not say.
 */
export async function verifyReplica(
  { executor, deadline }: Pick<Verification, 'executor' | 'deadline'>,
  shard: Shard,
  replica: Endpoint,
  known: KnownSystem | undefined,
): Promise<void> {
  const recorded = await executor.run([replica], {
    access: 'read',
    deadline,
    run: (session) => readIdentity(session, deadline),
  });
  if (recorded === undefined) {
    throw new UnavailableError(`${replica.name} has not heard yet which shard it is.`);
  }
  const problems: Problem[] = [];
  judgeIdentities([{ shard, replica, recorded }], problems, known);
  if (problems.length > 0) throw new ConfigError('The databases do not fit', problems);
}

/** A replica that does not answer is left out: it must not keep a service from starting. */
async function askReplicas(
  { executor, deadline, observe }: Verification,
  shards: readonly Shard[],
): Promise<ShardFinding[]> {
  const asked = shards.flatMap((shard) =>
    shard.replicas.map(async (replica): Promise<ShardFinding> => {
      const patience = new Deadline(Math.max(1, Math.min(patienceMs, deadline.remainingMs)));
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

function byKeyspace(remapped: readonly Remapped[]): Map<string, Remapped[]> {
  const keyspaces = new Map<string, Remapped[]>();
  for (const one of remapped) {
    const { keyspace } = one.shard;
    keyspaces.set(keyspace, [...(keyspaces.get(keyspace) ?? []), one]);
  }
  return keyspaces;
}

function namesOf(remapped: readonly Remapped[]): string[] {
  return remapped.map(({ shard }) => shard.name);
}

/**
 * Other slots are harmless while the whole keyspace is empty; then the record follows a topology of a
 * higher epoch. Of two with the same epoch none knows which one was meant.
 */
async function mayRemap(
  verification: SlotRecording,
  keyspace: string,
  moved: readonly Remapped[],
): Promise<boolean> {
  const recorded = await Promise.all(
    moved.map(({ shard }) => onPrimary(verification, shard, readFacts)),
  );
  return (
    verification.systemTables === 'create' &&
    recorded.every((facts) => isNewer(verification.topology, facts)) &&
    (await isEmpty(verification, keyspace))
  );
}

function readOnlyProblem({ primary }: Shard): Problem {
  return {
    path: primary.path,
    message: 'this server is read-only, so it is no primary. Is this the URL of a replica?',
  };
}

function unclaimedProblem({ name, keyspace, slotFingerprint }: Shard, system: string): Problem {
  return {
    path: `shards.${name}.primary`,
    message:
      `this database has no identity yet. Start once with systemTables: 'create', or run:\n${identityDdl};\n` +
      `INSERT INTO ${identityTable} (id, system_id, keyspace_name, shard_name, slots) ` +
      `VALUES (1, '${system}', '${keyspace}', '${name}', '${slotFingerprint}');`,
  };
}
