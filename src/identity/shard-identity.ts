import type { Problem } from '../errors/config-error.ts';
import type { Endpoint, Shard } from '../topology/topology.ts';

/** Who a shard's database says it is. */
interface RecordedIdentity {
  readonly system: string;
  readonly keyspace: string;
  readonly shard: string;
  readonly slots: string;
}

/** What one shard's database was found to hold. */
export interface ShardFinding {
  readonly shard: Shard;
  /** Which of the shard's replicas was asked; undefined: its primary. */
  readonly replica?: Endpoint;
  /** Undefined at first use, and on a replica that does not have it yet. */
  readonly recorded: RecordedIdentity | undefined;
}

/** What has to happen before traffic may flow. */
export interface IdentityVerdict {
  /** Shards whose databases are used for the first time. */
  readonly unclaimed: readonly Shard[];
  /** Shards whose recorded slots differ: harmless only while their keyspace holds no rows. */
  readonly remapped: readonly { readonly shard: Shard; readonly recordedSlots: string }[];
  /** The one value that all databases of this system share; undefined when none has one yet. */
  readonly system: string | undefined;
}

/** The system that other databases of this topology were found to belong to. */
export interface KnownSystem {
  readonly system: string;
  /** A shard that belongs to it. */
  readonly shard: string;
}

/** Holds what the databases say against the topology. A stranger's database is a problem. */
export function judgeIdentities(
  findings: readonly ShardFinding[],
  problems: Problem[],
  known?: KnownSystem,
): IdentityVerdict {
  const unclaimed: Shard[] = [];
  const remapped: { shard: Shard; recordedSlots: string }[] = [];
  const systems = new Map<string, { readonly name: string; readonly path: string }>();
  if (known !== undefined) systems.set(known.system, { name: known.shard, path: '' });
  for (const { shard, replica, recorded } of findings) {
    const { path } = replica ?? shard.primary;
    if (recorded === undefined) {
      if (replica === undefined) unclaimed.push(shard);
      continue;
    }
    if (!systems.has(recorded.system)) systems.set(recorded.system, { name: shard.name, path });
    if (recorded.keyspace !== shard.keyspace || recorded.shard !== shard.name) {
      problems.push({
        path,
        message:
          `this database is shard '${recorded.shard}' of keyspace '${recorded.keyspace}', not '${shard.name}' of ` +
          `'${shard.keyspace}'. Are two URLs swapped?`,
      });
    } else if (replica === undefined && recorded.slots !== shard.slotFingerprint) {
      remapped.push({ shard, recordedSlots: recorded.slots });
    }
  }
  const [first, second] = systems.values();
  if (first !== undefined && second !== undefined) {
    problems.push({
      path: second.path,
      message: `this database and that of '${first.name}' belong to two different systems. Is one of them from another environment?`,
    });
  }
  return { unclaimed, remapped, system: systems.keys().next().value };
}

/** The problem of a topology that would look for rows where they are not. */
export function remapProblem(keyspace: string, shards: readonly string[]): Problem {
  const held = shards.map((shard) => `'${shard}'`).join(', ');
  return {
    path: `keyspaces.${keyspace}`,
    message:
      `${held} ${shards.length === 1 ? 'holds' : 'hold'} rows of other slots than this topology gives, so rows would not be found. ` +
      'Was a shard added, removed or renamed, or a weight changed? Slots are derived from names: go back to the topology that wrote the rows ' +
      'and store its slots (keyspaces.<name>.slots); moving slots to a new shard needs a reshard. ' +
      "While no shard of the keyspace holds a row, a topology with a higher epoch and systemTables: 'create' may give it other slots.",
  };
}

/** The problem of two topologies that found one keyspace at the same time. */
export function foundedProblem({ name, keyspace, primary }: Shard): Problem {
  return {
    path: primary.path,
    message:
      `another process has just recorded other slots for '${name}' than this topology gives it, so each would look for rows where ` +
      `the other does not put them. Start all services with one topology of keyspace '${keyspace}'.`,
  };
}
