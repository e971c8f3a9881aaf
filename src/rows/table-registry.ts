import { didYouMean } from '../config/did-you-mean.ts';
import { RoutingError } from '../errors/routing-error.ts';
import type { Topology } from '../topology/topology.ts';
import type { HiddenEffects } from './raw/hidden-effects.ts';
import type { TableForms } from './raw/parameter-forms.ts';
import { routePrimaryKey } from './route-row.ts';
import { columnKind } from './schema/column-kind.ts';
import type { Table } from './schema/define-table.ts';
import type { ReferenceTable } from './schema/reference-table.ts';
import type { Tables, Touches } from './schema/row-types.ts';
import type { TableRuntime } from './table-runtime.ts';

/** Cached rows that a change touched: the texts of their keys, by table. */
export type TouchedKeys = ReadonlyMap<TableRuntime, readonly string[]>;

const textKinds: ReadonlySet<string> = new Set(['string', 'uuid', 'date-text']);

/** A reference table, as far as it concerns others. */
interface ReferenceRows {
  readonly table: ReferenceTable;
  readonly cache: { close(): Promise<void> } | undefined;
}

/** The tables of one data layer, for what concerns several of them: transactions and raw changes. */
export class TableRegistry {
  readonly #tables = new Map<string, TableRuntime>();
  readonly #references = new Map<string, ReferenceRows>();
  readonly #forms = new Map<string, readonly TableForms[]>();
  readonly #keptWith = new Map<Table, readonly string[]>();
  /** What views and functions of a keyspace do: the same value until more is known. */
  readonly effectsIn: (keyspace: string, topology: Topology) => HiddenEffects;

  constructor(effectsIn: (keyspace: string, topology: Topology) => HiddenEffects) {
    this.effectsIn = effectsIn;
  }

  add(label: string, runtime: TableRuntime): void {
    this.#tables.set(label, runtime);
    this.#forms.clear();
    this.#keptWith.clear();
  }

  addReference(label: string, runtime: ReferenceRows): void {
    this.#references.set(label, runtime);
    this.#forms.clear();
  }

  get tables(): TableRuntime[] {
    return [...this.#tables.values()];
  }

  get references(): ReferenceTable[] {
    return [...this.#references.values()].map(({ table }) => table);
  }

  /** The tables of a keyspace, by label. */
  in(keyspace: string): [label: string, runtime: TableRuntime][] {
    return [...this.#tables].filter(([, { table }]) => table.keyspace === keyspace);
  }

  /** The names of the tables whose rows live and move with those of the same owner. */
  keptWith(table: Table): readonly string[] {
    const known = this.#keptWith.get(table);
    if (known !== undefined) return known;
    const owners = table.group?.name ?? table.name;
    const kept = this.in(table.keyspace)
      .map(([, { table: one }]) => one)
      .filter(({ name, group }) => name === owners || group?.name === owners)
      .map(({ name }) => name);
    this.#keptWith.set(table, Object.freeze(kept));
    return kept;
  }

  /** The tables that a statement in a keyspace may name, for the forms of their columns. */
  formsIn(keyspace: string): readonly TableForms[] {
    let forms = this.#forms.get(keyspace);
    if (forms === undefined) {
      forms = [...this.in(keyspace).map(([, { table }]) => table), ...this.references];
      this.#forms.set(keyspace, forms);
    }
    return forms;
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
      if (this.#references.has(label)) {
        throw new RoutingError(
          `touches names '${label}', a reference table: changed on one shard it would differ from the others. ` +
            `Change it with ${label}.put() and ${label}.delete().`,
        );
      }
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

  /** The shards that the ids of touched rows name. */
  homesOf(touched: TouchedKeys, topology: Topology): string[] {
    const homes = [...touched].flatMap(([{ codec, table }, keys]) =>
      keys.map((text) => routePrimaryKey(topology, table, codec.keyOfText(text))),
    );
    return homes.map(({ shard }) => shard.name);
  }

  /** Invalidates what was touched. */
  async forget(touched: TouchedKeys): Promise<'done' | 'pending'> {
    const results = await Promise.all(
      [...touched].map(([{ cache }, keys]) => cache?.invalidate(keys) ?? 'done'),
    );
    return results.includes('pending') ? 'pending' : 'done';
  }

  /** The tables whose rows have the same owners as those of this one. */
  kinOf({ table: { keyspace, group, name } }: TableRuntime): TableRuntime[] {
    const owners = group?.name ?? name;
    return this.in(keyspace)
      .map(([, runtime]) => runtime)
      .filter(({ table }) => (table.group?.name ?? table.name) === owners);
  }

  /** Which columns of the tables that live with an owner hold no owner's key, and whether keys are text. */
  ownerColumns({ keyspace, schema, shardKey }: Table): {
    readonly others: ReadonlySet<string>;
    readonly holdsText: boolean;
  } {
    const tables = this.in(keyspace).map(([, { table }]) => table);
    const others = new Set(tables.flatMap((one) => Object.keys(one.schema.shape)));
    for (const one of tables) others.delete(one.shardKey);
    const type = schema.shape[shardKey];
    const kind = type === undefined ? undefined : columnKind(type);
    const holdsText = typeof kind === 'object' && textKinds.has(kind.kind);
    return { others: new Set([...others].map((name) => name.toUpperCase())), holdsText };
  }

  /** Stops the caches, after a last attempt at what Redis was not told yet. */
  async close(): Promise<void> {
    const caches = [
      ...this.tables.flatMap(({ cache, index }) => [cache, index]),
      ...[...this.#references.values()].map(({ cache }) => cache),
    ];
    await Promise.all(caches.map((cache) => cache?.close()));
  }
}
