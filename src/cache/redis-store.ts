import type { Deadline } from '../resilience/deadline.ts';
import { channelName, type OnInvalidated } from './invalidation-channel.ts';
import {
  boundedReadScript,
  fillScript,
  invalidateScript,
  type RedisScript,
  releaseScript,
  renewScript,
} from './lease-scripts.ts';
import type { RedisNode } from './redis-client.ts';
import { leaseKey } from './redis-keys.ts';
import type { RedisLink } from './redis-link.ts';
import type { RedisLinks } from './redis-links.ts';
import { untold, type Witness } from './trust.ts';

export interface RedisStoreConfig {
  /** Milliseconds within which the holder of a lease may fill, unless it renews it. */
  readonly leaseMs: number;
  readonly maxGapMs: number;
  /** Bytes past which a value is not worth the time to fetch it. */
  readonly maxEntryBytes: number;
}

/** What Redis said about a key, and how far to believe it. */
export interface Reading {
  readonly text: string | null;
  readonly asked: Asked;
}

/** A question put to a server. */
export interface Asked {
  readonly server: string;
  readonly witness: Witness;
  /** When it was sent. Milliseconds on the monotonic clock. */
  readonly atMs: number;
}

/** A value to store by right of a lease. */
export interface Fill {
  readonly text: string;
  readonly version: string;
  readonly lifeMs: number;
}

interface Answer {
  readonly texts: readonly (string | null)[];
  readonly asked: Asked;
}

interface Batch {
  readonly places: Map<string, number>;
  readonly answer: Promise<Answer | undefined>;
}

/** Keys that were asked for when a server was late: at most so many are remembered. */
const mostSuspects = 10_000;

/**
 * The shared tier. Its keys are whole Redis keys. No method throws and none waits past the time of a
 * command: what Redis can't answer is undefined, and the caller goes to the source.
 */
export class RedisStore {
  readonly #links: RedisLinks;
  readonly config: RedisStoreConfig;
  readonly #batches = new Map<RedisLink, Batch>();
  /** One of them may be a value so long that fetching it takes all the time that a command has. */
  readonly #suspects = new Set<string>();

  constructor(links: RedisLinks, config: RedisStoreConfig) {
    this.#links = links;
    this.config = config;
  }

  /** Hears of what other processes invalidate in a namespace. */
  listen(namespace: string, onInvalidated: OnInvalidated): void {
    this.#links.listen(namespace, onInvalidated);
  }

  /** Resolves once Redis is used, or with false once it is too late. */
  ready(patience: Deadline): Promise<boolean> {
    return this.#links.ready(patience);
  }

  /** Names the server of a key; undefined while it is not used. */
  serverOf(key: string): string | undefined {
    return this.#links.linkOf(key)?.server;
  }

  /** Milliseconds for which this run of the server of a key has been known; 0 while it is not used. */
  usedForMs(key: string): number {
    return this.#links.linkOf(key)?.usedForMs ?? 0;
  }

  /** Who tells of a change of a key from now on. */
  witness(key: string): Witness {
    return this.#witnessOf(this.#links.linkOf(key));
  }

  /** What is under each key, or undefined. The reads of a tick are one MGET a server. */
  async read(keys: readonly string[]): Promise<readonly (Reading | undefined)[]> {
    const [only] = keys;
    if (only !== undefined && keys.length === 1) return [await this.#readOne(only)];
    return Promise.all(keys.map((key) => this.#readOne(key)));
  }

  /** Takes a lease. False when another has it. */
  async lease(key: string, token: string): Promise<boolean | undefined> {
    const { leaseMs } = this.config;
    const taken = await this.#links
      .linkOf(key)
      ?.run('lease', (client) => client.set(leaseKey(key), token, 'PX', leaseMs, 'NX'));
    return taken === undefined ? undefined : taken === 'OK';
  }

  /** Keeps a lease for its time from now on. */
  renew(key: string, token: string): Promise<unknown> {
    const { leaseMs } = this.config;
    return this.#script(key, 'lease', renewScript, [leaseKey(key)], [token, String(leaseMs)]);
  }

  /** Stores a value if the lease holds. Returns whether it was stored; undefined: who knows. */
  async fill(
    key: string,
    token: string,
    { text, version, lifeMs }: Fill,
  ): Promise<boolean | undefined> {
    const args = [token, text, String(Math.ceil(lifeMs)), version];
    const stored = await this.#script(key, 'fill', fillScript, [key, leaseKey(key)], args);
    return stored === undefined ? undefined : stored === 1;
  }

  /** Gives back a lease whose load brought nothing to store. */
  release(key: string, token: string): Promise<unknown> {
    return this.#script(key, 'release', releaseScript, [leaseKey(key)], [token]);
  }

  /**
   * Deletes a value, voids its lease and tells those who may have it in memory. False when Redis did
   * not confirm it.
   *
   * @param markMs milliseconds that a mark of the change stays, or 0 for none.
   */
  async invalidate(namespace: string, key: string, name: string, markMs: number): Promise<boolean> {
    const link = this.#links.linkOf(key);
    if (link?.server === undefined) return false;
    const channel = channelName(namespace, link.server);
    const args = [channel, link.channel.messageOf(name), String(markMs)];
    const keys = [key, leaseKey(key)];
    return (await this.#script(key, 'invalidate', invalidateScript, keys, args)) !== undefined;
  }

  async #readOne(key: string): Promise<Reading | undefined> {
    const link = this.#links.linkOf(key);
    if (link?.server === undefined) return undefined;
    if (this.#suspects.size > 0 && this.#suspects.has(key)) return this.#readBounded(key, link);
    let batch = this.#batches.get(link);
    if (batch === undefined) {
      batch = this.#openBatch(link);
      this.#batches.set(link, batch);
    }
    let place = batch.places.get(key);
    if (place === undefined) {
      place = batch.places.size;
      batch.places.set(key, place);
    }
    const answer = await batch.answer;
    return answer && { text: answer.texts[place] ?? null, asked: answer.asked };
  }

  #openBatch(link: RedisLink): Batch {
    const places = new Map<string, number>();
    const answer = new Promise<Answer | undefined>((resolve) => {
      process.nextTick(() => {
        this.#batches.delete(link);
        resolve(this.#send(link, [...places.keys()]));
      });
    });
    return { places, answer };
  }

  async #send(link: RedisLink, keys: readonly string[]): Promise<Answer | undefined> {
    const asked = this.#ask(link);
    if (asked === undefined) return undefined;
    const groups = this.#links.groupsOf(keys);
    const found = await link.run('get', (client) =>
      Promise.all(groups.map((group) => client.mget(...group))),
    );
    if (found !== undefined) return { texts: inOrder(keys, groups, found), asked };
    if (this.#suspects.size > mostSuspects) this.#suspects.clear();
    for (const key of keys) this.#suspects.add(key);
    return undefined;
  }

  async #readBounded(key: string, link: RedisLink): Promise<Reading | undefined> {
    const asked = this.#ask(link);
    if (asked === undefined) return undefined;
    // Packed text can be longer than the value's own size by a third.
    const limit = String(2 * this.config.maxEntryBytes);
    const found = await this.#script(key, 'get', boundedReadScript, [key], [limit]);
    if (found === undefined) return undefined;
    if (found !== 0) this.#suspects.delete(key);
    return { text: typeof found === 'string' ? found : null, asked };
  }

  #ask(link: RedisLink): Asked | undefined {
    const { server } = link;
    return server === undefined
      ? undefined
      : { server, witness: this.#witnessOf(link), atMs: performance.now() };
  }

  #witnessOf(link: RedisLink | undefined): Witness {
    return {
      trust: link?.channel ?? untold,
      generation: link?.channel.epoch ?? -1,
      youngUntilMs: performance.now() + this.config.maxGapMs,
    };
  }

  /** A server that has forgotten the script is sent it. */
  async #script(
    home: string,
    operation: string,
    { sha, text }: RedisScript,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<unknown> {
    return this.#links.linkOf(home)?.run(operation, async (client: RedisNode) => {
      try {
        return await client.evalsha(sha, keys.length, ...keys, ...args);
      } catch (error) {
        if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
        return await client.eval(text, keys.length, ...keys, ...args);
      }
    });
  }
}

/** What was found for each key. */
function inOrder(
  keys: readonly string[],
  groups: readonly (readonly string[])[],
  found: readonly (readonly (string | null)[])[],
): readonly (string | null)[] {
  if (groups.length === 1) return found[0] ?? [];
  const byKey = new Map(
    groups.flatMap((group, index) => group.map((key, at) => [key, found[index]?.[at] ?? null])),
  );
  return keys.map((key) => byKey.get(key) ?? null);
}
