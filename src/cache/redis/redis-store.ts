import type { Deadline } from '../../resilience/time/deadline.ts';
import { untold, type Witness } from '../trust.ts';
import { Carriage } from './carriage.ts';
import { DataEras } from './data-eras.ts';
import { forgetNamespace } from './forget-namespace.ts';
import { channelName, type OnInvalidated } from './invalidation-channel.ts';
import {
  boundedReadScript,
  fillScript,
  invalidateScript,
  leaseScript,
  type RedisScript,
  releaseScript,
  renewScript,
} from './lease-scripts.ts';
import type { RedisNode } from './links/redis-client.ts';
import type { RedisLink } from './links/redis-link.ts';
import type { RedisLinks } from './links/redis-links.ts';
import { type Asked, type OnReading, type ReadBatch, ReadBatches } from './read-batches.ts';
import { leaseKey, markKey } from './redis-keys.ts';
import { runScript } from './run-script.ts';

export interface RedisStoreConfig {
  /** Milliseconds within which the holder of a lease may fill, unless it renews it. */
  readonly leaseMs: number;
  readonly maxGapMs: number;
  /** Bytes past which a value is not worth the time to fetch it. */
  readonly maxEntryBytes: number;
  /** Unconfirmed invalidations to remember by name; of more, all of a cache is forgotten. */
  readonly maxPendingInvalidations: number;
}

/** A value to store by right of a lease. */
export interface Fill {
  readonly text: string;
  readonly version: string;
  readonly lifeMs: number;
}

/** What became of the wish for a lease. `changed`: granted, and the key was changed of late. */
export type LeaseAnswer = 'held' | 'granted' | 'changed';

const leaseAnswers: readonly LeaseAnswer[] = ['held', 'granted', 'changed'];

/** Keys that were asked for when a server was late: at most so many are remembered. */
const mostSuspects = 10_000;

/**
 * The shared tier. Its keys are whole Redis keys. No method throws and none waits past the time of a
 * command: what Redis can't answer is undefined, and the caller goes to the source.
 */
export class RedisStore {
  readonly #links: RedisLinks;
  readonly config: RedisStoreConfig;
  readonly #batches = new ReadBatches((link, batch) => this.#send(link, batch));
  readonly #carriage = new Carriage();
  readonly #eras: DataEras;
  readonly #mostBytes: string;
  /** One of them may be a value so long that fetching it takes all the time that a command has. */
  readonly #suspects = new Set<string>();

  constructor(links: RedisLinks, config: RedisStoreConfig) {
    this.#links = links;
    this.#eras = new DataEras(links);
    this.config = config;
    // Caches with other limits may share the keys; much longer than one's own is nobody's.
    this.#mostBytes = String(2 * config.maxEntryBytes);
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

  /** Who tells of a change of a key from now on. */
  witness(key: string): Witness {
    return this.#witnessOf(this.#links.linkOf(key));
  }

  /** Tells what is under a key. The reads of a tick are one MGET a server. */
  read(key: string, onReading: OnReading): void {
    const link = this.#links.linkOf(key);
    if (link?.server === undefined) onReading(undefined, nobody);
    else if (this.#suspects.size > 0 && this.#suspects.has(key)) {
      void this.#readBounded(key, link, onReading);
    } else {
      this.#batches.add(link, key, onReading);
    }
  }

  /**
   * Takes a lease, unless another has it. If `isAbsent`, and a value is there after all, it tells the
   * value and returns undefined, as it does when Redis can't tell.
   *
   * @param leavesMarks whether changes of the key leave marks.
   */
  async lease(
    key: string,
    token: string,
    { isAbsent, leavesMarks }: { readonly isAbsent: boolean; readonly leavesMarks: boolean },
    onReading: OnReading,
  ): Promise<LeaseAnswer | undefined> {
    const link = this.#links.linkOf(key);
    const asked = this.#ask(link);
    const args = [token, String(this.config.leaseMs), isAbsent ? '1' : '0', this.#mostBytes];
    const keys = leavesMarks ? [key, leaseKey(key), markKey(key)] : [key, leaseKey(key)];
    const answer = await this.#script(key, 'lease', leaseScript, keys, args);
    if (typeof answer === 'string') onReading(answer, asked);
    return typeof answer === 'number' ? leaseAnswers[answer] : undefined;
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
    const link = this.#links.linkOf(key);
    if (link === undefined) return undefined;
    const args = [token, text, String(Math.ceil(lifeMs)), version];
    this.#carriage.note(1, text.length);
    const stored = await this.#carriage.carry(link, text.length, () =>
      this.#script(key, 'fill', fillScript, [key, leaseKey(key)], args),
    );
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
    if (markMs > 0) keys.push(markKey(key));
    return (await this.#script(key, 'invalidate', invalidateScript, keys, args)) !== undefined;
  }

  /**
   * Forgets all of a namespace, on all of its servers, and what processes hold in memory. False when
   * Redis did not confirm it.
   */
  forgetAll(namespace: string, markMs: number): Promise<boolean> {
    return forgetNamespace(this.#links, namespace, markMs);
  }

  /**
   * Milliseconds for which no mark of a change can have been lost where a key lies; 0 when any value may
   * have been changed of late, and when Redis can't tell.
   */
  unlostForMs(namespace: string, key: string): Promise<number> {
    return this.#eras.unlostForMs(namespace, key);
  }

  async #send(link: RedisLink, batch: ReadBatch): Promise<void> {
    const { keys } = batch;
    for (let at = 0; at < keys.length; ) {
      const size = this.#carriage.keysPerCommand;
      // Most often all of them.
      const part = size >= keys.length ? keys : keys.slice(at, at + size);
      at += part.length;
      await this.#carriage.ask(link, part.length, () => this.#sendPart(link, batch, part));
    }
  }

  async #sendPart(link: RedisLink, batch: ReadBatch, part: readonly string[]): Promise<void> {
    const asked = this.#ask(link);
    const groups = this.#links.groupsOf(part);
    const found = await link.run('get', (client) => readGroups(client, groups));
    if (found === undefined) {
      if (this.#suspects.size > mostSuspects) this.#suspects.clear();
      for (const key of part) this.#suspects.add(key);
    }
    let values = 0;
    let length = 0;
    for (const [index, keys] of groups.entries()) {
      const texts = found?.[index];
      // Most often there is one group, of all keys in their order.
      const isWhole = keys === batch.keys;
      for (let at = 0; at < keys.length; at++) {
        const text = texts?.[at];
        if (typeof text === 'string') {
          values++;
          length += text.length;
        }
        batch.answer(isWhole ? at : batch.placeOf(keys[at] ?? ''), text, asked);
      }
    }
    this.#carriage.note(values, length);
  }

  async #readBounded(key: string, link: RedisLink, onReading: OnReading): Promise<void> {
    const asked = this.#ask(link);
    const found = await this.#script(key, 'get', boundedReadScript, [key], [this.#mostBytes]);
    if (typeof found === 'string' || found === null) this.#suspects.delete(key);
    onReading(found === undefined ? undefined : typeof found === 'string' ? found : null, asked);
  }

  #ask(link: RedisLink | undefined): Asked {
    return {
      server: link?.server ?? '',
      witness: this.#witnessOf(link),
      atMs: performance.now(),
      wallMs: Date.now(),
    };
  }

  #witnessOf(link: RedisLink | undefined): Witness {
    return {
      trust: link?.channel ?? untold,
      generation: link?.channel.epoch ?? -1,
      youngUntilMs: performance.now() + this.config.maxGapMs,
    };
  }

  #script(
    home: string,
    operation: string,
    script: RedisScript,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<unknown> {
    return runScript(this.#links, home, operation, script, keys, args);
  }
}

const nobody: Asked = {
  server: '',
  witness: { trust: untold, generation: -1, youngUntilMs: 0 },
  atMs: 0,
  wallMs: 0,
};

function readGroups(
  client: RedisNode,
  groups: readonly (readonly string[])[],
): Promise<readonly (readonly (string | null)[])[]> {
  return Promise.all(groups.map((keys) => client.mget([...keys])));
}
