import type { LoadCall } from '../../cache/loads/leased-loads.ts';
import { handOut } from '../../cache/memory/memory-store.ts';
import type { ReadThrough } from '../../cache/read-through.ts';
import { turn } from '../../commit/turn.ts';
import { ConfigError } from '../../errors/config-error.ts';
import { allEnded } from '../../execution/all-ended.ts';
import type { Call } from '../../execution/call.ts';
import type { CallOptions } from '../../execution/call-gate.ts';
import { inChunks } from '../../execution/in-chunks.ts';
import type { MemoryReads } from '../../observability/memory-reads.ts';
import type { Consistency } from '../../routing/endpoint-order.ts';
import type { Route } from '../../routing/route.ts';
import { mayHold } from '../../sharding/places/residency.ts';
import type { ShardKey } from '../../sharding/shard-key.ts';
import type { Shard, Topology } from '../../topology/topology.ts';
import { forwardable } from '../forwardable.ts';
import { routePrimaryKey } from '../route-row.ts';
import type { RowOf, RowSchema } from '../schema/define-table.ts';
import { mustSee, type SeenWrites } from '../sessions/seen-writes.ts';
import { parseToken } from '../sessions/token.ts';
import type { RowsRuntime } from '../table-runtime.ts';
import { type Found, RowReads, type Wanted } from './row-reads.ts';

/** How current a row must be. */
export interface Currency {
  /**
   * `primary` reads the primary and `replica` a replica, which may lag; both pass by the cache.
   * Default: the cache, then the primary.
   */
  consistency?: Consistency | undefined;
  /**
   * The token of a write or of a session: the read sees what was written, also when another process
   * wrote it and this one has not heard of it. Rows of shards that were written are read from the
   * primary, others as ever.
   */
  token?: string | undefined;
  /** Milliseconds: a row that was cached longer ago is read anew. Default: the table's policy. */
  maxAgeMs?: number | undefined;
}

/**
 * When a read has to be over, and how current its rows must be.
 *
 * @example
 * await data.users.get(id, { consistency: 'primary', timeoutMs: 200 });
 * await data.users.get(id, { maxAgeMs: 1_000 });
 */
export interface ReadOptions extends CallOptions, Currency {}

const asEver: Currency = {};

/** Of many keys so many are read at a time, so that neither the event loop nor a shard's queue is flooded. */
const keysAtOnce = 4_096;

/** Why a row does not come from the cache: its reader asked so, or it may not be kept here. */
type Passing = Consistency | 'bypass';

/** How rows are read by primary key: memory, Redis, then the shards. */
export class ReadPath<Schema extends RowSchema> {
  readonly #runtime: RowsRuntime<Schema>;
  readonly #rows: RowReads<Schema>;
  /** Where a read may be answered from without looking at anything else: not in a session. */
  readonly memory: ReadThrough<RowOf<Schema>> | undefined;
  /** Reads that memory answered. */
  readonly #answered: { get?: MemoryReads; 'at.get'?: MemoryReads } = {};

  constructor(runtime: RowsRuntime<Schema>) {
    this.#runtime = runtime;
    this.#rows = new RowReads(runtime);
    this.memory = runtime.seen.inSession ? undefined : runtime.cache;
  }

  get(
    key: ShardKey,
    options: ReadOptions | undefined,
    operation: 'get' | 'at.get' = 'get',
  ): Promise<RowOf<Schema> | null> {
    const { calls, table } = this.#runtime;
    if (isAsEver(options) && this.memory !== undefined && typeof key === 'string') {
      // The one path that costs less than a microsecond: no deadline, no promise but the answer.
      const entry = this.memory.hit(key);
      if (entry !== undefined) {
        this.#answered[operation] ??= calls.memoryReads(operation, table.name);
        this.#answered[operation].add();
        return Promise.resolve(handOut(entry));
      }
    }
    return calls.run(operation, table.name, options, (call) => {
      checkCurrency(options);
      return this.read(key, options, call);
    });
  }

  /** A row as part of another call. */
  async read(
    key: ShardKey,
    currency: Currency = asEver,
    call: Call,
  ): Promise<RowOf<Schema> | null> {
    const wanted = this.#want(key, call.topology);
    const { cache } = this.#runtime;
    const passing = this.#passing(wanted, currency, this.#mustSee(currency));
    if (cache === undefined || passing !== undefined) {
      if (passing === 'bypass') cache?.passBy(1);
      return (await this.#rows.one(wanted, readAs(passing), call)).row;
    }
    const { text } = wanted.key;
    const load = async (_: readonly string[], filling: LoadCall) => {
      const as = filling.mayLag(text) ? 'lagging-fill' : 'fill';
      const found = await this.#rows.one(wanted, as, filling.deadline);
      if (!this.#mayKeep(found.route)) filling.keepOut(text);
      return [found.row];
    };
    return cache.get(text, () => load, { deadline: call, maxAgeMs: currency.maxAgeMs });
  }

  getMany(
    keys: readonly ShardKey[],
    options: ReadOptions = asEver,
    operation: 'getMany' | 'at.getMany' = 'getMany',
  ): Promise<(RowOf<Schema> | null)[]> {
    const { calls, table } = this.#runtime;
    return calls.run(operation, table.name, options, async (call) => {
      checkCurrency(options);
      const rows: (RowOf<Schema> | null)[] = [];
      for (const some of inChunks(keys, keysAtOnce)) {
        if (rows.length > 0) await turn(call);
        rows.push(...(await this.#readMany(some, options, call)));
      }
      return rows;
    });
  }

  async #readMany(
    keys: readonly ShardKey[],
    options: ReadOptions,
    call: Call,
  ): Promise<(RowOf<Schema> | null)[]> {
    const { cache } = this.#runtime;
    const cached: Wanted[] = [];
    const passing = new Map<Passing, Wanted[]>();
    const wanted = keys.map((key) => this.#want(key, call.topology));
    const seen = this.#mustSee(options);
    for (const one of wanted) {
      const as = this.#passing(one, options, seen);
      if (as === undefined) cached.push(one);
      else if (!passing.get(as)?.push(one)) passing.set(as, [one]);
    }
    if (cache !== undefined && passing.size === 0) {
      return this.#throughCache(cache, wanted, options, call);
    }
    cache?.passBy(passing.get('bypass')?.length ?? 0);
    const [kept, ...found] = await allEnded([
      cache && cached.length > 0 ? this.#throughCache(cache, cached, options, call) : none,
      ...[...passing].map(([as, some]) => this.#rows.many(some, readAs(as), call)),
    ]);
    const rows = new Map(cached.map(({ key }, index) => [key.identity, kept[index] ?? null]));
    for (const some of found) for (const [identity, { row }] of some) rows.set(identity, row);
    return wanted.map(({ key }) => rows.get(key.identity) ?? null);
  }

  /** A row as the database has it, and where. */
  async locate(key: ShardKey, call: Call): Promise<Found<Schema>> {
    return this.#rows.one(this.#want(key, call.topology), 'primary', call);
  }

  /** The rows of keys, in their order. What is found where it may not be kept is handed out only. */
  #throughCache(
    cache: ReadThrough<RowOf<Schema>>,
    wanted: readonly Wanted[],
    { maxAgeMs }: Currency,
    call: Call,
  ): Promise<(RowOf<Schema> | null)[]> {
    const byText = new Map(wanted.map((one) => [one.key.text, one]));
    const load = async (missing: readonly string[], filling: LoadCall) => {
      const lacking = missing.flatMap((text) => byText.get(text) ?? []);
      const lagging = lacking.filter(({ key }) => filling.mayLag(key.text));
      const current = lacking.filter(({ key }) => !filling.mayLag(key.text));
      const found = await allEnded([
        this.#rows.many(current, 'fill', filling.deadline),
        this.#rows.many(lagging, 'lagging-fill', filling.deadline),
      ]);
      const answers = new Map(found.flatMap((some) => [...some]));
      return missing.map((text) => {
        const answer = answers.get(byText.get(text)?.key.identity ?? '');
        if (answer !== undefined && !this.#mayKeep(answer.route)) filling.keepOut(text);
        return answer?.row ?? null;
      });
    };
    const texts = wanted.map(({ key }) => key.text);
    return cache.getMany(texts, load, { deadline: call, maxAgeMs });
  }

  /** How a row is read that may not come from the cache; undefined when it may. */
  #passing(
    { home, route }: Wanted,
    { consistency }: Currency,
    seen: SeenWrites,
  ): Passing | undefined {
    const { cache } = this.#runtime;
    // Where rows move about, a write is noted where the row was and where its id says that it is.
    if (seen.concerns(home.topology, home.shard.name, route.shard.name)) return 'primary';
    if (consistency !== undefined || cache === undefined) return consistency ?? 'primary';
    return this.#mayHold(route.shard) ? undefined : 'bypass';
  }

  #mustSee({ token }: Currency): SeenWrites {
    return mustSee(this.#runtime.seen, token);
  }

  /** Whether this process and its Redis may hold rows of a shard. */
  #mayHold({ region }: Shard): boolean {
    return mayHold(this.#runtime.region, region);
  }

  /** Whether they may keep what was found: what an older snapshot led to may lie elsewhere by now. */
  #mayKeep({ shard, topology }: Route): boolean {
    return topology === this.#runtime.topology.current && this.#mayHold(shard);
  }

  #want(value: ShardKey, topology: Topology): Wanted {
    const { codec, table, forwarding } = this.#runtime;
    const key = codec.key(value);
    const home = routePrimaryKey(topology, table, value);
    const route = forwarding.start(forwardable(this.#runtime, key), home);
    return { key, home, route };
  }
}

function readAs(passing: Passing = 'primary'): Consistency {
  return passing === 'bypass' ? 'primary' : passing;
}

const none: Promise<never[]> = Promise.resolve([]);

/** Options of a call that do not change what a read may be answered with. */
const sameAnswer = new Set(['signal', 'timeoutMs', 'priority']);

/** Whether a read asks for nothing but what the cache gives. What nobody knows is refused further on. */
export function isAsEver(options: object | undefined): boolean {
  if (options === undefined) return true;
  for (const name in options) if (!sameAnswer.has(name)) return false;
  return true;
}

/**
 * Checks what a read asks for, also where no row turns out to be asked for.
 *
 * @throws {ConfigError} when an age makes no sense; {@link RoutingError} when a token is none.
 */
export function checkCurrency({ token, maxAgeMs }: Currency = asEver): void {
  if (token !== undefined) parseToken(token);
  if (maxAgeMs === undefined || (typeof maxAgeMs === 'number' && maxAgeMs >= 0)) return;
  throw new ConfigError('Bad call options', [
    { path: 'maxAgeMs', message: 'must be a number, 0 or more' },
  ]);
}
