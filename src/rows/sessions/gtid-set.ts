/** Intervals of one source that are kept apart; with more, the oldest gaps are closed. */
const mostIntervals = 8;

const mariaDb = /^(\d{1,10})-\d{1,10}-(\d{1,20})$/;
const source = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const tag = /^[a-z_][a-z0-9_]{0,31}$/;
const interval = /^(\d{1,19})(?:-(\d{1,19}))?$/;

interface Interval {
  readonly from: bigint;
  readonly to: bigint;
}

/** The newest position of each MariaDB domain, or the transactions of each MySQL source. */
type GtidSet =
  | { readonly kind: 'mariadb'; readonly newest: ReadonlyMap<string, Position> }
  | { readonly kind: 'mysql'; readonly sources: ReadonlyMap<string, readonly Interval[]> };

interface Position {
  readonly gtid: string;
  readonly sequence: bigint;
}

/** Whether a text is a list of GTIDs as MariaDB (`0-1-5`) or MySQL (`uuid:1-5`) writes it. */
export function isGtidSet(text: string): boolean {
  return parse(text) !== undefined;
}

/**
 * What has to be seen to have seen both. MariaDB: the newest of each domain, since a server that has
 * one has all before it. MySQL: the union; where that would grow without bound, transactions of others
 * that lie between are counted in.
 *
 * @returns undefined when that can't be told: a text is no list of GTIDs, or they are of two kinds.
 */
export function mergeGtids(older: string, newer: string): string | undefined {
  const [a, b] = [parse(older), parse(newer)];
  if (a?.kind === 'mariadb' && b?.kind === 'mariadb') {
    const newest = new Map(a.newest);
    for (const [domain, position] of b.newest) {
      const known = newest.get(domain);
      if (known === undefined || position.sequence >= known.sequence) newest.set(domain, position);
    }
    return [...newest.values()].map(({ gtid }) => gtid).join(',');
  }
  if (a?.kind === 'mysql' && b?.kind === 'mysql') {
    const sources = new Map(a.sources);
    for (const [name, intervals] of b.sources) {
      sources.set(name, union([...(sources.get(name) ?? []), ...intervals]));
    }
    return [...sources].map(([name, intervals]) => `${name}${written(intervals)}`).join(',');
  }
  return undefined;
}

function parse(text: string): GtidSet | undefined {
  const items = text.toLowerCase().replace(/\s/g, '').split(',');
  return mariaDb.test(items[0] ?? '') ? parseMariaDb(items) : parseMySql(items);
}

function parseMariaDb(items: readonly string[]): GtidSet | undefined {
  const newest = new Map<string, Position>();
  for (const gtid of items) {
    const [, domain, sequence] = mariaDb.exec(gtid) ?? [];
    if (domain === undefined || sequence === undefined) return undefined;
    newest.set(domain, { gtid, sequence: BigInt(sequence) });
  }
  return { kind: 'mariadb', newest };
}

function parseMySql(items: readonly string[]): GtidSet | undefined {
  const sources = new Map<string, Interval[]>();
  for (const item of items) {
    const [uuid = '', ...parts] = item.split(':');
    if (!source.test(uuid) || parts.length === 0) return undefined;
    let name = uuid;
    for (const part of parts) {
      const [, from, to = from] = interval.exec(part) ?? [];
      if (from !== undefined && to !== undefined) {
        const known = sources.get(name);
        const next = { from: BigInt(from), to: BigInt(to) };
        if (known === undefined) sources.set(name, [next]);
        else known.push(next);
      } else if (tag.test(part)) {
        name = `${uuid}:${part}`;
      } else {
        return undefined;
      }
    }
    if (!sources.has(name)) return undefined;
  }
  return { kind: 'mysql', sources };
}

function union(intervals: readonly Interval[]): Interval[] {
  const merged: Interval[] = [];
  for (const next of intervals.toSorted((a, b) => (a.from < b.from ? -1 : 1))) {
    const last = merged.at(-1);
    if (last === undefined || next.from > last.to + 1n) merged.push(next);
    else if (next.to > last.to) merged[merged.length - 1] = { from: last.from, to: next.to };
  }
  const surplus = merged.length - mostIntervals;
  if (surplus <= 0) return merged;
  const oldest = merged.slice(0, surplus + 1);
  const [{ from }, { to }] = [oldest[0] ?? zero, oldest.at(-1) ?? zero];
  return [{ from, to }, ...merged.slice(surplus + 1)];
}

const zero: Interval = { from: 0n, to: 0n };

function written(intervals: readonly Interval[]): string {
  return intervals.map(({ from, to }) => (from === to ? `:${from}` : `:${from}-${to}`)).join('');
}
