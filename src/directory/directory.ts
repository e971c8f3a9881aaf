import type { Outcome } from '../commit/commit-record-table.ts';
import { DuplicateKeyError } from '../errors/database-error.ts';
import type { Call } from '../execution/call.ts';
import type { Executor } from '../execution/executor.ts';
import { inChunks } from '../execution/in-chunks.ts';
import type { Statement, StatementResult } from '../mysql/sql/sql.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import { type Consistency, endpointOrder } from '../routing/endpoint-order.ts';
import type { Route } from '../routing/route.ts';
import { keyspaceOf, routeKey } from '../routing/router.ts';
import type { Shard, Topology } from '../topology/topology.ts';
import {
  confirmEntries,
  deleteEntries,
  type Entry,
  type EntryKey,
  insertReserved,
  markLeaving,
  readEntry,
  selectEntries,
  takeOver,
} from './directory-table.ts';
import { afterEnding } from './entry-protocol.ts';
import { inOrder, type Reservation } from './reservation.ts';

/** Entries that one statement names at most: each is a range of its own to the optimizer. */
const entriesPerStatement = 64;

const separator = Buffer.of(0);

/**
 * The directory's entries, each on the shard that its lookup and value are hashed to.
 *
 * Every statement compares token and state, so that it may be sent twice: all of them are sent as
 * reads, which are repeated after a lost reply.
 */
export class Directory {
  readonly keyspace: string;
  readonly #executor: Executor;
  #turn = 0;

  constructor(keyspace: string, executor: Executor) {
    this.keyspace = keyspace;
    this.#executor = executor;
  }

  shardsIn(topology: Topology): readonly Shard[] {
    return keyspaceOf(topology, this.keyspace).shards;
  }

  /** Where the entry of a value is. */
  routeOf({ lookup, value }: EntryKey, topology: Topology): Route {
    const key = Buffer.concat([Buffer.from(lookup), separator, value]);
    return routeKey(topology, this.keyspace, key);
  }

  /** The entry of a value, which its route leads to. */
  async find(
    key: EntryKey,
    { shard }: Route,
    consistency: Consistency,
    deadline: Deadline,
  ): Promise<Entry | undefined> {
    const endpoints = endpointOrder(shard, consistency, this.#turn++);
    const { rows } = await this.#executor.runStatement(
      endpoints,
      selectEntries([key]),
      'read',
      deadline,
    );
    return rows[0] && readEntry(rows[0]);
  }

  /** The entries of many values; those that are absent are left out. */
  async findMany(keys: readonly EntryKey[], call: Call): Promise<Entry[]> {
    const results = await this.#onShards(keys, selectEntries, call, 'read');
    return results.flatMap(({ rows }) => rows.map(readEntry));
  }

  /** Reserves values that have no entry. False when one of them has: then any may be reserved. */
  async reserve(
    token: Uint8Array,
    reservations: readonly Reservation[],
    call: Call,
  ): Promise<boolean> {
    try {
      await this.#onShards(reservations, (part) => insertReserved(token, part), call);
      return true;
    } catch (error) {
      if (error instanceof DuplicateKeyError) return false;
      throw error;
    }
  }

  /** Announces that values leave their rows. False when not all of them had a confirmed entry. */
  async leave(
    token: Uint8Array,
    reservations: readonly Reservation[],
    call: Call,
  ): Promise<boolean> {
    const results = await this.#onShards(reservations, (part) => markLeaving(token, part), call);
    return results.reduce((sum, { affected }) => sum + affected, 0) === reservations.length;
  }

  /** Gives an entry whose row does not hold the value to another; false if it changed meanwhile. */
  async takeOver(
    token: Uint8Array,
    reservation: Reservation,
    previous: Uint8Array,
    call: Call,
  ): Promise<boolean> {
    const statement = takeOver(token, reservation, previous);
    const [result] = await this.#onShards([reservation], () => statement, call);
    return result?.affected === 1;
  }

  /** What entries of an attempt become once it is known how it ended. */
  async end(
    outcome: Outcome,
    token: Uint8Array,
    entered: readonly Owned[],
    left: readonly Owned[],
    call: Call,
  ): Promise<void> {
    const endOf = (state: 'reserved' | 'leaving') => (part: readonly Owned[]) =>
      afterEnding(state, outcome) === 'confirmed'
        ? confirmEntries(token, state, part)
        : deleteEntries(token, state, part);
    await Promise.all([
      this.#onShards(entered, endOf('reserved'), call),
      this.#onShards(left, endOf('leaving'), call),
    ]);
  }

  /** One statement for the entries of each shard, all shards at once. Every part is waited for. */
  async #onShards<T extends EntryKey>(
    entries: readonly T[],
    statementOf: (part: readonly T[]) => Statement,
    call: Call,
    access: 'read' | 'write' = 'write',
  ): Promise<StatementResult[]> {
    const byShard = new Map<Shard, T[]>();
    for (const entry of entries.length > 1 ? inOrder(entries) : entries) {
      const { shard } = this.routeOf(entry, call.topology);
      const part = byShard.get(shard);
      if (part === undefined) byShard.set(shard, [entry]);
      else part.push(entry);
    }
    const runs = [...byShard].flatMap(([{ primary }, part]) =>
      inChunks(part, entriesPerStatement).map((chunk) => {
        const statement = statementOf(chunk);
        // Done again, each change finds what it did the first time.
        return access === 'read'
          ? this.#executor.runStatement([primary], statement, access, call)
          : this.#executor.runRepeatable(primary, statement, call);
      }),
    );
    const results: StatementResult[] = [];
    for (const run of await Promise.allSettled(runs)) {
      if (run.status === 'rejected') throw run.reason;
      results.push(run.value);
    }
    return results;
  }
}

type Owned = EntryKey & Pick<Reservation, 'rowKey'>;
