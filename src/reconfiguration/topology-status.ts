import type { Problem } from '../errors/config-error.ts';

/**
 * Which topology a data layer runs on, and why not on another. Plain JSON: no addresses, no credentials.
 *
 * @example
 * const { epoch, refused }: TopologyStatus = data.topology();
 * if (refused !== null) log.warn({ epoch, refused: refused.epoch }, refused.message);
 */
export interface TopologyStatus {
  readonly epoch: number;
  /** Of the document: it grows with changes of servers within an epoch. */
  readonly revision: number;
  /** The source's name. */
  readonly source: string;
  /** Whether the document came from the source, or is the last good one of an earlier run. */
  readonly from: 'source' | 'last-good';
  /** When it came into force here, ISO 8601. */
  readonly since: string;
  /** Whether the source tells of changes; else `admin.reload()` asks it. */
  readonly isWatched: boolean;
  /** The newest document, where it is not in force. */
  readonly refused: RefusedTopology | null;
  /** Why the source can't be read at the moment. */
  readonly fault: { readonly message: string; readonly since: string } | null;
}

/**
 * A document that was not put in force, and why.
 *
 * @see {@link TopologyStatus}
 */
export interface RefusedTopology {
  /** Undefined where the document has none. */
  readonly epoch: number | undefined;
  /** When it came, ISO 8601. */
  readonly at: string;
  readonly message: string;
  /** What is wrong with it; none where servers did not answer. */
  readonly problems: readonly Problem[];
  /** Whether it is tried again by itself, since servers did not answer. */
  readonly isRetried: boolean;
}
