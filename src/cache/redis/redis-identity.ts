import { randomBytes } from 'node:crypto';
import { identityScript } from './lease-scripts.ts';
import type { RedisNode } from './links/redis-client.ts';
import { claimMs } from './shared-redis-times.ts';

/** What is kept outside of Redis of the Redis that all services of a namespace share. */
export interface RedisRecord {
  /** The id on record, and whether a process that runs uses the Redis that has it. */
  read(): Promise<{ readonly id: string | undefined; readonly isUsed: boolean }>;
  /** Records that this process uses the Redis of an id. Returns the one on record after that. */
  use(id: string): Promise<string | undefined>;
  /** Records an id in the place of another, or of none. Returns what is on record then. */
  replace(from: string | undefined, id: string): Promise<string>;
}

/** Both clocks: the monotonic one stands still while a machine sleeps, the wall clock may be set back. */
interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** A server that holds no key of this slot says so: another node of its cluster is asked. */
const elsewhere = /^(MOVED|ASK)/;

/**
 * Makes sure that a Redis is the one which all services of a namespace use: each is given an id, which is
 * on record outside. A Redis that has lost its id gets it back from those who know it; who comes anew
 * can't tell it from another Redis, so it waits while the one on record is used by others.
 */
export class RedisIdentity {
  readonly #key: string;
  readonly #record: RedisRecord;
  #id: string | undefined;
  #refusal: string | undefined;
  /** When it was said last, and heard, that this process uses the Redis. */
  #claimedAt: Moment | undefined;
  #renewal: Promise<void> | undefined;
  #admit: () => void = () => {};
  readonly #admitted = new Promise<void>((resolve) => {
    this.#admit = resolve;
  });

  constructor(namespace: string, record: RedisRecord) {
    this.#key = `${namespace}:redis-id`;
    this.#record = record;
  }

  /** The id that this Redis must have; undefined until it was found to be the one on record. */
  get id(): string | undefined {
    return this.#id;
  }

  /** Why this Redis is not used; undefined when nothing speaks against it. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /**
   * Whether a server may be used. One that has lost its id is given it back, once it is known to be the
   * one on record.
   */
  async admits(client: RedisNode): Promise<boolean> {
    if (this.#id !== undefined && !isRecent(this.#claimedAt)) await this.#renew();
    // Others may have put another in its place by now.
    if (this.#id !== undefined && !isRecent(this.#claimedAt)) {
      this.#refusal = unclaimed;
      return false;
    }
    try {
      await (this.#id === undefined ? this.#meet(client) : this.#confirm(client, this.#id));
    } catch (error) {
      if (!(error instanceof Error && elsewhere.test(error.message))) throw error;
      await this.#admitted;
    }
    return this.#refusal === undefined;
  }

  /** Says that this process still uses the Redis, and leaves it where another was recorded in its place. */
  async claim(): Promise<void> {
    const id = this.#id;
    if (id === undefined) return;
    const claimedAt = thisMoment();
    const recorded = await this.#record.use(id);
    if (recorded === undefined || recorded === id) this.#claimedAt = claimedAt;
    else {
      this.#refusal = otherRedis(recorded, id);
      this.#id = undefined;
    }
  }

  /** The nodes of a cluster ask at once. */
  #renew(): Promise<void> {
    this.#renewal ??= this.claim()
      // What keeps it from being said shows in that it was not said of late.
      .catch(() => undefined)
      .finally(() => {
        this.#renewal = undefined;
      });
    return this.#renewal;
  }

  async #confirm(client: RedisNode, id: string): Promise<void> {
    const found = await this.#ask(client, id);
    this.#refusal = found === id ? undefined : otherRedis(id, found ?? '');
  }

  async #meet(client: RedisNode): Promise<void> {
    const known = await this.#record.read();
    let found = await this.#ask(client, '');
    const isLost = found === undefined;
    if (isLost && known.isUsed && known.id !== undefined) {
      this.#refusal = emptyRedis(known.id);
      return;
    }
    found ??= await this.#ask(client, randomBytes(8).toString('hex'));
    if (found === undefined) return;
    let recorded = known.id;
    if (recorded === undefined || isLost) recorded = await this.#record.replace(known.id, found);
    const claimedAt = thisMoment();
    if (recorded === found) recorded = await this.#record.use(found);
    this.#refusal = recorded === found ? undefined : otherRedis(recorded ?? '', found);
    if (recorded !== found) return;
    this.#id = found;
    this.#claimedAt = claimedAt;
    this.#admit();
  }

  /** The id of a Redis, which takes the one that is given if it has none. */
  async #ask(client: RedisNode, id: string): Promise<string | undefined> {
    const { sha, text } = identityScript;
    const answer = await client.evalsha(sha, 1, this.#key, id).catch((error: unknown) => {
      // Its scripts went with its data.
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return client.eval(text, 1, this.#key, id);
    });
    return typeof answer === 'string' ? answer : undefined;
  }
}

function thisMoment(): Moment {
  return { monotonicMs: performance.now(), wallMs: Date.now() };
}

function isRecent(moment: Moment | undefined): boolean {
  if (moment === undefined) return false;
  const { monotonicMs, wallMs } = thisMoment();
  return monotonicMs - moment.monotonicMs < claimMs && Math.abs(wallMs - moment.wallMs) < claimMs;
}

const unclaimed =
  `for ${claimMs / 1_000} s no shard could be told that this process uses this Redis, so others may use another one by now. ` +
  'It is used again as soon as a shard can be told.';

const shared =
  'Services of one cache.namespace must hear of each other through one Redis, or each serves rows that another has changed. ';

function otherRedis(recorded: string, found: string): string {
  return (
    `this Redis has the id ${found}, but the one that services of this namespace use has ${recorded}. ${shared}` +
    "Give all of them the same one. If the other is gone for good, empty this one (every key that begins with the namespace), restart, and it takes the other's place."
  );
}

function emptyRedis(recorded: string): string {
  return (
    `this Redis has no id, and a process that runs uses one that has ${recorded}. ${shared}` +
    "Give all of them the same one. If this one is to take the other's place, stop those processes first; it is free two minutes after the last of them was seen."
  );
}
