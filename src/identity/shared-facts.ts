import type { Shard, Topology } from '../topology/topology.ts';
import { judgeKeys } from './directory-keys.ts';
import { isNewerList } from './shard-set.ts';

/**
 * How a fact may change. `same`: not at all. `while-empty`: while its keyspace holds no row.
 * `grows`: a greater number replaces a smaller one, and whoever comes with a smaller one is refused.
 * `largest`: as `grows`, but whoever comes with a smaller one is served with the greater.
 * `keys`: in the order in which keys of the directory are changed. `newest`: a list of shards behind its
 * epoch, of which the one with the greater epoch holds, and of one epoch there is one.
 */
type FactRule = 'same' | 'while-empty' | 'grows' | 'largest' | 'keys' | 'newest';

/** What all services that share a shard must hold alike; its database records it once. */
export interface SharedFact {
  /** Its name in the database. */
  readonly name: string;
  readonly value: string;
  readonly rule: FactRule;
  /** Where options, topology or tables say so. */
  readonly path: string;
  /** What the value is the value of, as a message names it. */
  readonly what: string;
  readonly cure: string;
  /** When an operator may forget what is recorded; undefined: never. */
  readonly forgetWhen?: string;
}

/** Facts of which a database may know more than a service declares: what is left out is a conflict. */
export interface FactFamily {
  /** What their names begin with. */
  readonly prefix: string;
  readonly path: string;
  /** Says what is left out, and what that would do. */
  describe(rest: string): string;
  readonly forgetWhen: string;
}

/** Where what a service declares and what is recorded can't both be. */
export interface FactConflict {
  readonly name: string;
  readonly path: string;
  readonly message: string;
  readonly forgetWhen?: string | undefined;
}

/** All that a service declares of one shard. */
export interface Declared {
  readonly facts: readonly SharedFact[];
  readonly families: readonly FactFamily[];
}

/** What has to be recorded so that a shard's database agrees. */
export interface FactVerdict {
  readonly conflicts: readonly FactConflict[];
  readonly added: readonly SharedFact[];
  readonly replaced: readonly { readonly fact: SharedFact; readonly recorded: string }[];
  /** Facts that may be replaced only while the keyspace holds no row. */
  readonly whileEmpty: readonly { readonly fact: SharedFact; readonly recorded: string }[];
  /** Whether a shard is added to a keyspace that had others before. */
  readonly joins: boolean;
}

/** What the names of facts begin with that say which shards a keyspace has. */
export const memberFacts = 'member/';

const whileEmpty =
  " While no shard of the keyspace holds a row, a higher epoch and systemTables: 'create' may change it.";

/** The longest time, in milliseconds, for which a service wants idempotency keys kept. */
export const keepMsFact = 'idempotency/keepMs';

/** What says where the rows of a table live. */
export function placementFactOf(table: string): string {
  return `table/${table}/placement`;
}

/** The placement of a table whose rows move with those of an owner. */
export function memberPlacement(owners: string, ownerColumn: string): string {
  return `of ${owners} by ${ownerColumn}`;
}

/** The tables that services have recorded as members of an owners' table. */
export function recordedMembers(recorded: ReadonlyMap<string, string>, owners: string): string[] {
  const placements = [...recorded].filter(
    ([name, value]) => name.startsWith('table/') && value.startsWith(memberPlacement(owners, '')),
  );
  return placements.map(([name]) => name.slice('table/'.length, -'/placement'.length));
}

/** What a topology says of a shard's keyspace, so that none can place or look for its rows otherwise. */
export function topologyFacts({ epoch, keyspaces }: Topology, shard: Shard): Declared {
  const keyspace = keyspaces.get(shard.keyspace);
  if (keyspace === undefined) return { facts: [], families: [] };
  const { name, code, strategy, shards } = keyspace;
  const facts: SharedFact[] = [
    {
      name: 'topology/epoch',
      value: String(epoch),
      rule: 'grows',
      path: 'epoch',
      what: 'the epoch of the topology',
      cure:
        'This topology is older than one that has been in use: start with the newest, and raise the epoch with every change. ' +
        'To go back to what an older one said, give that document an epoch above the recorded one.',
    },
    {
      name: 'keyspace/code',
      value: String(code),
      rule: 'while-empty',
      path: `keyspaces.${name}.code`,
      what: `the code of keyspace '${name}'`,
      cure: `Ids carry it, so their rows would not be found. Go back to the code that is recorded.${whileEmpty}`,
    },
    {
      name: 'keyspace/strategy',
      value: strategy,
      rule: 'while-empty',
      path: `keyspaces.${name}.strategy`,
      what: `the strategy of keyspace '${name}'`,
      cure: `Its rows were placed by the one that is recorded. Go back to it.${whileEmpty}`,
    },
    ...shards.map(
      (member): SharedFact => ({
        name: memberFacts + member.name,
        value: strategy === 'geo' ? `region ${member.region.code}` : 'hash',
        rule: 'while-empty',
        path: `shards.${member.name}.region`,
        what: `the code of the region of shard '${member.name}'`,
        cure:
          'Ids carry it, so their rows would not be found. Are two regions or their codes swapped? ' +
          `Give the shard its region, and the region its code, back.${whileEmpty}`,
      }),
    ),
  ];
  return {
    facts,
    families: [
      {
        prefix: memberFacts,
        path: `keyspaces.${name}.shards`,
        describe: (rest) =>
          `leaves out shard '${rest}', which is on record as a member of this keyspace: its rows would be missing from every answer. Put it back, under the name that it had: a shard is known by its name.`,
        forgetWhen: 'If it was taken away for good and its rows live elsewhere',
      },
    ],
  };
}

/** Holds what a shard's database has recorded against what a service declares. */
export function judgeFacts(
  { facts, families }: Declared,
  recorded: ReadonlyMap<string, string>,
  shard: string,
): FactVerdict {
  const conflicts: FactConflict[] = [];
  const added: SharedFact[] = [];
  const replaced: { fact: SharedFact; recorded: string }[] = [];
  const whileEmpty: { fact: SharedFact; recorded: string }[] = [];
  for (const fact of facts) {
    const found = recorded.get(fact.name);
    if (fact.rule === 'keys') {
      const next = judgeKeys(found, fact.value);
      if (next.refusal !== undefined) conflicts.push(conflictOf(fact, next.refusal));
      else if (found === undefined) added.push({ ...fact, value: next.recorded });
      else if (found !== next.recorded) {
        replaced.push({ fact: { ...fact, value: next.recorded }, recorded: found });
      }
    } else if (found === undefined) added.push(fact);
    else if (found === fact.value) continue;
    else if (fact.rule === 'newest') {
      const isNewer = isNewerList(found, fact.value);
      if (isNewer === undefined) conflicts.push(factConflict(fact, found, shard));
      else if (isNewer) replaced.push({ fact, recorded: found });
    } else if (fact.rule === 'while-empty') whileEmpty.push({ fact, recorded: found });
    else if (fact.rule === 'same') conflicts.push(factConflict(fact, found, shard));
    else if (Number(fact.value) > Number(found)) replaced.push({ fact, recorded: found });
    else if (fact.rule === 'grows') conflicts.push(factConflict(fact, found, shard));
  }
  const declared = new Set(facts.map(({ name }) => name));
  for (const { prefix, path, describe, forgetWhen } of families) {
    for (const name of recorded.keys()) {
      if (!name.startsWith(prefix) || declared.has(name)) continue;
      conflicts.push({ name, path, message: describe(name.slice(prefix.length)), forgetWhen });
    }
  }
  const isMember = (name: string) => name.startsWith(memberFacts);
  const joins = added.some(({ name }) => isMember(name)) && [...recorded.keys()].some(isMember);
  return { conflicts, added, replaced, whileEmpty, joins };
}

/** A difference, with both sides of it. */
export function factConflict(fact: SharedFact, recorded: string, shard: string): FactConflict {
  return conflictOf(
    fact,
    `is '${fact.value}' here, but shard '${shard}' has '${recorded}' on record.`,
  );
}

function conflictOf({ name, path, what, cure, forgetWhen }: SharedFact, why: string): FactConflict {
  return { name, path, message: `${what} ${why} ${cure}`, forgetWhen };
}
