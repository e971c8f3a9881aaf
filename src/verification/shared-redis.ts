import { randomBytes } from 'node:crypto';
import { RedisIdentity, type RedisRecord } from '../cache/redis/redis-identity.ts';
import {
  forgottenAfterSeconds,
  unusedAfterSeconds,
  upkeepMs,
  upkeepTimeoutMs,
} from '../cache/redis/shared-redis-times.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import { Call } from '../execution/call.ts';
import type { Executor } from '../execution/executor.ts';
import type { Upkeep } from '../execution/upkeep.ts';
import {
  deleteFact,
  deleteOldFacts,
  insertFacts,
  replaceFact,
  selectFactAndAges,
  touchFact,
} from '../identity/facts-table.ts';
import type { Statement } from '../mysql/sql/sql.ts';
import type { Observer } from '../observability/events.ts';
import type { Shard } from '../topology/topology.ts';
import type { TopologyStore } from '../topology/topology-store.ts';

export interface SharedRedisParts {
  readonly topology: TopologyStore;
  readonly executor: Executor;
  readonly upkeep: Upkeep;
  /** First part of every key of this system in Redis: the option `cache.namespace`, and the system. */
  readonly namespace: string;
  readonly observe: Observer;
}

const answerMs = 1_000;
/** Longer, for without it the Redis is left, and a shard that is busy gets all of the reads. */
const claimAnswerMs = 5_000;

interface Copy {
  readonly shard: Shard;
  readonly id: string | undefined;
  /** Ids of the Redis that processes use which run. */
  readonly used: readonly string[];
}

/**
 * Records in each shard's database which Redis the services of a namespace share, and that this process
 * uses it. Of several copies that differ the one on the first shard by name holds.
 */
export class SharedRedis {
  readonly #parts: SharedRedisParts;
  readonly #process = randomBytes(8).toString('hex');
  readonly #members: { readonly fact: string; readonly identity: RedisIdentity }[] = [];

  constructor(parts: SharedRedisParts) {
    this.#parts = parts;
    parts.upkeep.add({
      everyMs: upkeepMs,
      timeoutMs: upkeepTimeoutMs,
      run: (call) => this.#keepAll(call),
      onFailure: (error) => this.#report(error),
    });
  }

  /** What makes sure that the Redis of a region, or the one for all, is that of the other services. */
  identityOf(region: string | undefined): RedisIdentity {
    const fact = `redis/at/${this.#parts.namespace}/${region ?? '*'}`;
    const record: RedisRecord = {
      read: () => this.#within(answerMs, (call) => this.#read(fact, call)),
      use: (id) => this.#within(claimAnswerMs, (call) => this.#use(fact, id, call)),
      replace: (from, id) => this.#within(answerMs, (call) => this.#replace(fact, from, id, call)),
    };
    const identity = new RedisIdentity(this.#parts.namespace, record);
    this.#members.push({ fact, identity });
    return identity;
  }

  /** This process uses no Redis any more. */
  async close(): Promise<void> {
    const used = this.#members.flatMap(({ identity }) => identity.id ?? []);
    if (used.length === 0) return;
    try {
      await this.#within(answerMs, async (call) => {
        for (const id of used) {
          await this.#answers(call, (shard) =>
            this.#change(shard, deleteFact(this.#usedFact(id)), call),
          );
        }
      });
    } catch (error) {
      // It is forgotten in time, and closing goes on.
      this.#report(error);
    }
  }

  async #read(fact: string, call: Call) {
    const copies = await this.#copies(fact, call);
    const id = recordedOf(copies);
    const isUsed = copies.some(({ used }) => id !== undefined && used.includes(id));
    return { id, isUsed };
  }

  /** Says that this process uses a Redis; returns the one on record after that. */
  async #use(fact: string, id: string, call: Call): Promise<string | undefined> {
    await this.#onFirst(touchFact(this.#usedFact(id)), call);
    return (await this.#read(fact, call)).id;
  }

  /** One shard after the other, in an order that all processes share: the first decides. */
  async #replace(fact: string, from: string | undefined, id: string, call: Call): Promise<string> {
    for (const shard of byName(call)) {
      if (from !== undefined) await this.#change(shard, replaceFact(fact, from, id), call);
      await this.#change(shard, insertFacts([{ name: fact, value: id }]), call);
      const recorded = (await this.#copyOn(shard, fact, call)).id;
      if (recorded !== undefined && recorded !== id) return recorded;
    }
    return id;
  }

  async #keepAll(call: Call): Promise<void> {
    if (this.#members.length === 0) return;
    for (const { fact, identity } of this.#members) {
      const { id } = identity;
      if (id === undefined) continue;
      await identity.claim();
      if (identity.id === id) await this.#repair(fact, id, call);
    }
    await this.#onFirst(deleteOldFacts(usedPrefix, forgottenAfterSeconds), call);
  }

  /** Shards that were added, or down when it was recorded, have no copy or an old one. */
  async #repair(fact: string, id: string, call: Call): Promise<void> {
    for (const { shard, id: other } of await this.#copies(fact, call)) {
      if (other === id) continue;
      const statement =
        other === undefined
          ? insertFacts([{ name: fact, value: id }])
          : replaceFact(fact, other, id);
      await this.#change(shard, statement, call);
    }
  }

  /** What the shards that answer know. @throws when none does. */
  async #copies(fact: string, call: Call): Promise<readonly Copy[]> {
    return this.#answers(call, (shard) => this.#copyOn(shard, fact, call));
  }

  async #copyOn(shard: Shard, fact: string, call: Call): Promise<Copy> {
    const statement = selectFactAndAges(fact, usedPrefix);
    const { executor } = this.#parts;
    const { rows } = await executor.runStatement([shard.primary], statement, 'read', call);
    const id = rows.find((row) => row.fact === fact)?.value;
    const used = rows
      .filter((row) => row.fact !== fact && Number(row.age) < unusedAfterSeconds)
      .map((row) => String(row.fact).slice(usedPrefix.length).split('/')[0] ?? '');
    return { shard, id: id === undefined ? undefined : String(id), used };
  }

  /** Whoever reads asks all shards, so one that is up is enough. */
  async #onFirst(statement: Statement, call: Call): Promise<void> {
    const failures: unknown[] = [];
    for (const shard of byName(call)) {
      try {
        await this.#change(shard, statement, call);
        return;
      } catch (error) {
        failures.push(error);
      }
    }
    throw failures[0];
  }

  /** The answers of the shards that are up; the first failure when none is. */
  async #answers<T>(call: Call, ask: (shard: Shard) => Promise<T>): Promise<readonly T[]> {
    const ends = await Promise.allSettled(byName(call).map(ask));
    const answers = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
    const [first] = ends;
    if (answers.length === 0 && first?.status === 'rejected') throw first.reason;
    return answers;
  }

  /** What is recorded twice is recorded once. */
  #change({ primary }: Shard, statement: Statement, call: Call) {
    return this.#parts.executor.runRepeatable(primary, statement, call);
  }

  #usedFact(id: string): string {
    return `${usedPrefix}${id}/${this.#process}`;
  }

  #report(error: unknown): void {
    const message = isMeridianError(error) ? error.message : String(error);
    this.#parts.observe({ type: 'cache-fault', operation: 'identity', message });
  }

  async #within<T>(timeMs: number, work: (call: Call) => Promise<T>): Promise<T> {
    const call = new Call(this.#parts.topology.current, timeMs);
    try {
      return await work(call);
    } finally {
      call.end();
    }
  }
}

const usedPrefix = 'redis/used/';

function byName({ topology }: Call): Shard[] {
  return [...topology.shards.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function recordedOf(copies: readonly Copy[]): string | undefined {
  return copies.find(({ id }) => id !== undefined)?.id;
}
