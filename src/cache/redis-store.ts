import { createHash, randomBytes } from 'node:crypto';
import type { Observer } from '../observability/events.ts';
import { Deadline } from '../resilience/deadline.ts';
import { Guard } from '../resilience/guard.ts';
import { fillScript, releaseScript } from './lease-scripts.ts';
import type { RedisClient } from './redis-client.ts';
import { redisKeys } from './redis-keys.ts';

export interface RedisStoreConfig {
  /** What events call it. */
  readonly name: string;
  /** Milliseconds a command may take; past it the cache goes on without Redis. */
  readonly commandTimeoutMs: number;
  /** Milliseconds within which the holder of a lease may fill. */
  readonly leaseMs: number;
}

const shaOf = (script: string) => createHash('sha1').update(script).digest('hex');
const shas = new Map([fillScript, releaseScript].map((script) => [script, shaOf(script)]));

/** A value to store under a lease. */
export interface Fill {
  readonly key: string;
  readonly token: string;
  readonly text: string;
  readonly lifeMs: number;
}

interface GetBatch {
  readonly keys: string[];
  readonly texts: Promise<(string | null)[] | undefined>;
}

/**
 * The shared tier. No method throws and none waits past the command's deadline: what Redis can't
 * answer comes back as undefined, and the caller goes to the source.
 */
export class RedisStore {
  readonly #client: RedisClient;
  readonly #config: RedisStoreConfig;
  readonly #observe: Observer;
  readonly #guard: Guard;
  #batch: GetBatch | undefined;

  constructor(client: RedisClient, config: RedisStoreConfig, observe: Observer) {
    this.#client = client;
    this.#config = config;
    this.#observe = observe;
    // Commands share one connection and pipeline, so only the breaker guards, not the bulkhead.
    const limits = { concurrency: 100_000, queue: 0, failures: 5, openMs: 500 };
    this.#guard = new Guard(config.name, limits, observe);
  }

  /** The text under each key, or null; undefined when Redis can't tell. One MGET a tick. */
  async get(namespace: string, keys: readonly string[]): Promise<(string | null)[] | undefined> {
    const batch = this.#batch ?? this.#openBatch();
    const start = batch.keys.length;
    for (const key of keys) batch.keys.push(redisKeys(namespace, key).value);
    const texts = await batch.texts;
    return texts?.slice(start, start + keys.length);
  }

  /** Takes the leases that are free. The result maps each key that was granted to its token. */
  async lease(namespace: string, keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const token = randomBytes(12).toString('base64url');
    const taken = await this.#run('lease', () =>
      Promise.all(
        keys.map((key) =>
          this.#client.set(
            redisKeys(namespace, key).lease,
            token,
            'PX',
            this.#config.leaseMs,
            'NX',
          ),
        ),
      ),
    );
    return new Map(keys.flatMap((key, index) => (taken?.[index] === 'OK' ? [[key, token]] : [])));
  }

  /** Stores values whose leases still hold. */
  async fill(namespace: string, fills: readonly Fill[]): Promise<void> {
    await this.#run('fill', () => Promise.all(fills.map((fill) => this.#fillOne(namespace, fill))));
  }

  /** Gives back leases whose load failed. */
  async release(namespace: string, leases: ReadonlyMap<string, string>): Promise<void> {
    await this.#run('release', () =>
      Promise.all(
        [...leases].map(([key, token]) =>
          this.#script(releaseScript, [redisKeys(namespace, key).lease], [token]),
        ),
      ),
    );
  }

  /** Deletes values and voids leases. False when Redis did not confirm it. */
  async invalidate(namespace: string, keys: readonly string[]): Promise<boolean> {
    const names = keys.flatMap((key) => Object.values(redisKeys(namespace, key)));
    return (await this.#run('invalidate', () => this.#client.del(...names))) !== undefined;
  }

  #fillOne(namespace: string, { key, token, text, lifeMs }: Fill): Promise<unknown> {
    const { value, lease } = redisKeys(namespace, key);
    return this.#script(fillScript, [value, lease], [token, text, String(Math.ceil(lifeMs))]);
  }

  async #script(
    script: string,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<unknown> {
    try {
      return await this.#client.evalsha(shas.get(script) ?? '', keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return await this.#client.eval(script, keys.length, ...keys, ...args);
    }
  }

  #openBatch(): GetBatch {
    const keys: string[] = [];
    const texts = new Promise<(string | null)[] | undefined>((resolve) => {
      process.nextTick(() => {
        this.#batch = undefined;
        resolve(this.#run('get', () => this.#client.mget(...keys)));
      });
    });
    this.#batch = { keys, texts };
    return this.#batch;
  }

  async #run<T>(operation: string, command: () => Promise<T>): Promise<T | undefined> {
    const deadline = new Deadline(this.#config.commandTimeoutMs);
    try {
      return await this.#guard.admit(() => deadline.race(command()), deadline);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#observe({ type: 'cache-fault', operation, message });
      return undefined;
    } finally {
      deadline.end();
    }
  }
}
