import type { RedisLink } from './links/redis-link.ts';

/** Bytes of values that one command may bring, about: a link of 100 Mbit/s carries them in the time of one. */
const bytesPerCommand = 1_024 * 1_024;
/** A command with more waits for the one before it, so that it has its time for itself. */
const heavyBytes = 64 * 1_024;
/** Keys of the first command, while nothing is known of the values. */
const keysAtFirst = 16;
const forgetting = 0.9;

/**
 * How much one command carries: so much that a link brings it in the time that a command has. By the
 * values that were seen of late, the longer ones more than the shorter.
 */
export class Carriage {
  #bytesPerValue: number | undefined;
  readonly #heavy = new WeakMap<RedisLink, Promise<unknown>>();

  /** Keys whose values one command may ask for. */
  get keysPerCommand(): number {
    if (this.#bytesPerValue === undefined) return keysAtFirst;
    return Math.max(1, Math.floor(bytesPerCommand / (this.#bytesPerValue + 1)));
  }

  /** Values were seen, of so many characters together. */
  note(values: number, length: number): void {
    if (values === 0) return;
    const mean = length / values;
    this.#bytesPerValue = Math.max(mean, forgetting * (this.#bytesPerValue ?? mean));
  }

  /** Runs a command that asks for the values of keys, after other heavy ones if it is one. */
  ask<T>(link: RedisLink, keys: number, command: () => Promise<T>): Promise<T> {
    return this.carry(link, keys * (this.#bytesPerValue ?? 0), command);
  }

  /** Runs a command of about so many bytes. */
  carry<T>(link: RedisLink, bytes: number, command: () => Promise<T>): Promise<T> {
    if (bytes <= heavyBytes) return command();
    const running = (this.#heavy.get(link) ?? Promise.resolve()).then(command, command);
    this.#heavy.set(link, running);
    return running;
  }
}
