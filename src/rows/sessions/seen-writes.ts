import type { Shard, Topology } from '../../topology/topology.ts';
import { isGtidSet, mergeGtids } from './gtid-set.ts';
import { formatToken, parseToken, type Written } from './token.ts';

/** The writes that a reader must see: those of its session, or those that a token names. */
export class SeenWrites {
  /** Whether the reader is in a session, whose rows are never handed out as memory has them. */
  readonly inSession: boolean = true;
  readonly #gtids: Map<string, string | undefined>;
  readonly #mayBeAnywhere: boolean;

  constructor(written: Written = new Map()) {
    this.#mayBeAnywhere = written === 'anywhere';
    this.#gtids = new Map(written === 'anywhere' ? [] : written);
  }

  /** Portable text; undefined while nothing was written. */
  get token(): string | undefined {
    return formatToken(this.#mayBeAnywhere ? 'anywhere' : this.#gtids);
  }

  /**
   * A shard was written, or may have been.
   *
   * @param gtid undefined when the server gives none, or nobody knows whether the write was applied:
   * then no later GTID makes up for it.
   */
  note(shard: string, gtid: string | undefined): void {
    const known = this.#gtids.get(shard);
    if (gtid === undefined || !isGtidSet(gtid)) this.#gtids.set(shard, undefined);
    else if (!this.#gtids.has(shard)) this.#gtids.set(shard, gtid);
    else if (known !== undefined) this.#gtids.set(shard, mergeGtids(known, gtid));
  }

  /** A write was made at a place. @param gtid as for `note`. */
  noteWrite({ shard, homes }: WritePlace, gtid: string | undefined): void {
    this.note(shard, gtid);
    for (const home of homes) if (home !== shard) this.note(home, undefined);
  }

  /** These writes and others. */
  and(others: SeenWrites): SeenWrites {
    const both = new SeenWrites(
      this.#mayBeAnywhere || others.#mayBeAnywhere ? 'anywhere' : this.#gtids,
    );
    for (const [shard, gtid] of others.#gtids) both.note(shard, gtid);
    return both;
  }

  /**
   * Whether one of these shards was written. A write on a shard that the topology does not know any
   * more may be on any of them.
   */
  concerns(topology: Topology, one: string, other = one): boolean {
    return this.#mayConcern(topology, this.#gtids.has(one) || this.#gtids.has(other));
  }

  /** The same of more shards. */
  concernsAny(topology: Topology, asked: readonly Shard[]): boolean {
    return this.#mayConcern(
      topology,
      asked.some(({ name }) => this.#gtids.has(name)),
    );
  }

  #mayConcern({ shards }: Topology, isWritten: boolean): boolean {
    if (this.#mayBeAnywhere) return true;
    if (this.#gtids.size === 0) return false;
    if (isWritten) return true;
    for (const shard of this.#gtids.keys()) if (!shards.has(shard)) return true;
    return false;
  }
}

/** Stands for the writes of a session where there is none: it has seen nothing, and notes nothing. */
class OutsideSessions extends SeenWrites {
  override readonly inSession = false;
  override note(): void {}
  override noteWrite(): void {}

  override and(others: SeenWrites): SeenWrites {
    return others;
  }

  override concerns(): boolean {
    return false;
  }

  override concernsAny(): boolean {
    return false;
  }
}

export const noSession: SeenWrites = new OutsideSessions();

/** The writes that a read must see: its session's, and those that its own token names. */
export function mustSee(session: SeenWrites, token: string | undefined): SeenWrites {
  return token === undefined ? session : session.and(new SeenWrites(parseToken(token)));
}

/** Where a write was made. */
export interface WritePlace {
  readonly shard: string;
  /**
   * Shards that the ids of the written rows name: where they were born, and where those look for them
   * who have not heard of their owner's moves.
   */
  readonly homes: readonly string[];
}

/** What a write that succeeded did. */
interface Wrote {
  readonly gtid: string | undefined;
  readonly affected: number;
}

/** The token of one write; undefined when it wrote nothing. */
export function tokenOfWrite(place: WritePlace, { gtid, affected }: Wrote): string | undefined {
  if (gtid === undefined && affected === 0) return undefined;
  const seen = new SeenWrites();
  seen.noteWrite(place, gtid);
  return seen.token;
}
