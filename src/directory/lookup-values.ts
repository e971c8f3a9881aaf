import { createHmac, type KeyObject } from 'node:crypto';
import { memoize } from '../cache/memo.ts';
import { atOnce } from '../errors/at-once.ts';
import { RoutingError } from '../errors/routing-error.ts';
import { RowError } from '../errors/row-error.ts';
import type { LookupPlan } from '../rows/schema/lookup-plan.ts';

type Plain = string | number | bigint;

/** A value of a lookup in the forms that are asked for. */
export interface LookupValue {
  /** As it was given. */
  readonly value: Plain;
  /** Normalized: two values are one when this is. */
  readonly text: string;
  /** As the directory stores it, under each key; the first is the one that is asked for. */
  readonly stored: readonly [Buffer, ...Buffer[]];
  /** Names the first of them in caches. */
  readonly cacheKey: string;
}

const longestStored = 255;
const remembered = 10_000;

/** What names an entry in caches. */
export function cacheKeyOf(stored: Uint8Array): string {
  return Buffer.from(stored.buffer, stored.byteOffset, stored.length).toString('base64url');
}

/** A key, and what names it in the entries made with it. */
interface NamedKey {
  readonly key: KeyObject;
  readonly id: Buffer;
}

/** Normalizes the values of one lookup and gives them the form in which the directory holds them. */
export class LookupValues {
  readonly #plan: LookupPlan;
  readonly #table: string;
  readonly #keys: readonly NamedKey[];
  /** An HMAC costs ten times what a read from memory does. */
  readonly #known: (value: unknown) => LookupValue;

  /** @param mayRemember whether this process may hold the values themselves in memory. */
  constructor(
    plan: LookupPlan,
    table: string,
    keys: readonly NamedKey[],
    mayRemember: () => boolean,
  ) {
    this.#plan = plan;
    this.#table = table;
    this.#keys = plan.personal ? keys : [];
    const make = (value: unknown) => this.#make(this.#plain(value));
    let remember: typeof make | undefined;
    this.#known = (value) => {
      if (mayRemember()) {
        remember ??= memoize(remembered, make);
        return remember(value);
      }
      // With another topology: what was remembered under the last one goes.
      remember = undefined;
      return make(value);
    };
  }

  /** Names the keys under which values are entered; none where they are kept as they are. */
  get keyIds(): readonly string[] {
    return this.#keys.map(({ id }) => id.toString('hex'));
  }

  /** @throws {RoutingError} when it can't be a value of the lookup. */
  of(value: unknown): LookupValue {
    return this.#known(value);
  }

  /**
   * Of a value that a row holds. Undefined for none, and for one that the directory can't hold
   * either, from before the lookup or past Meridian: it must not keep its row from being changed.
   */
  held(value: unknown): LookupValue | undefined {
    if (value === null || value === undefined) return undefined;
    try {
      return this.of(value);
    } catch (error) {
      if (error instanceof RowError || error instanceof RoutingError) return undefined;
      throw error;
    }
  }

  #plain(value: unknown): Plain {
    const { kind, column } = this.#plan;
    if (kind === 'integer' && typeof value === 'number' && Number.isSafeInteger(value)) {
      return value;
    }
    if (kind === 'bigint' && typeof value === 'bigint') return value;
    const isText = kind !== 'integer' && kind !== 'bigint';
    if (isText && typeof value === 'string' && value.isWellFormed()) return value;
    throw new RoutingError(`This can't be the '${column}' of a row of '${this.#table}'.`, {
      table: this.#table,
      lookup: column,
    });
  }

  #make(value: Plain): LookupValue {
    const { rule, kind } = this.#plan;
    const given = rule.normalize === undefined ? String(value) : this.#normalize(value);
    if (typeof given !== 'string' || !given.isWellFormed()) {
      throw this.#unfit('normalize did not give text');
    }
    const text = kind === 'uuid' && rule.normalize === undefined ? given.toLowerCase() : given;
    const [first = Buffer.from(text), ...others] = this.#keys.map((key) => this.#hash(text, key));
    if (first.length > longestStored) {
      throw this.#unfit(`is longer than ${longestStored} bytes, the most that is kept as it is`);
    }
    return { value, text, stored: [first, ...others], cacheKey: cacheKeyOf(first) };
  }

  /** What it throws may quote the value, so the error is not passed on. */
  #normalize(value: Plain): unknown {
    try {
      return atOnce(this.#plan.rule.normalize?.(value), 'normalize');
    } catch (error) {
      throw this.#unfit(`normalize threw ${error instanceof Error ? error.name : 'something'}`);
    }
  }

  #hash(text: string, { id, key }: NamedKey): Buffer {
    const hash = createHmac('sha256', key).update(`${this.#plan.name}\0`).update(text).digest();
    return Buffer.concat([id, hash]);
  }

  #unfit(message: string): RowError {
    return new RowError(this.#table, [{ path: this.#plan.column, message }]);
  }
}
