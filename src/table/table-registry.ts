import { didYouMean } from '../config/did-you-mean.ts';
import { RoutingError } from '../errors/routing-error.ts';
import type { TableRuntime } from './table-runtime.ts';
import type { Tables, Touches } from './table-types.ts';

/** Cached rows that a change touched: the texts of their keys, by table. */
export type TouchedKeys = ReadonlyMap<TableRuntime, readonly string[]>;

/** The tables of one data layer, for what concerns several of them: transactions and raw changes. */
export class TableRegistry {
  readonly #tables = new Map<string, TableRuntime>();

  add(label: string, runtime: TableRuntime): void {
    this.#tables.set(label, runtime);
  }

  /** The tables of a keyspace, by label. */
  in(keyspace: string): [label: string, runtime: TableRuntime][] {
    return [...this.#tables].filter(([, { table }]) => table.keyspace === keyspace);
  }

  /**
   * Reads what a raw change says it touches.
   *
   * @throws {RoutingError} when it says nothing although a table of the keyspace has a cache.
   */
  touched(keyspace: string, touches: Touches<Tables> | undefined): TouchedKeys {
    if (touches === 'none') return new Map();
    if (touches === undefined) {
      const cached = this.in(keyspace).filter(([, { cache }]) => cache !== undefined);
      if (cached.length === 0) return new Map();
      const [label = ''] = cached[0] ?? [];
      throw new RoutingError(
        `Say which cached rows this change touches: { touches: { ${label}: [id] } }, or { touches: 'none' }.`,
        { keyspace },
      );
    }
    const keys = new Map<TableRuntime, readonly string[]>();
    for (const [label, values] of Object.entries(touches)) {
      const runtime = this.#tables.get(label);
      if (runtime === undefined) {
        throw new RoutingError(
          `touches names '${label}', which is no table here${didYouMean(label, this.#tables.keys())}`,
        );
      }
      keys.set(
        runtime,
        (values ?? []).map((value) => runtime.codec.key(value).text),
      );
    }
    return keys;
  }

  /** Invalidates what was touched. */
  async forget(touched: TouchedKeys): Promise<'done' | 'pending'> {
    const results = await Promise.all(
      [...touched].map(([{ cache }, keys]) => cache?.invalidate(keys) ?? 'done'),
    );
    return results.includes('pending') ? 'pending' : 'done';
  }

  /** Stops the caches, after a last attempt at what Redis was not told yet. */
  async close(): Promise<void> {
    const caches = [...this.#tables.values()].flatMap(({ cache, lookups }) => [
      cache,
      ...(lookups?.all.map((lookup) => lookup.cache) ?? []),
    ]);
    await Promise.all(caches.map((cache) => cache?.close()));
  }
}
