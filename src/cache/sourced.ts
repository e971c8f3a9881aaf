import type { NeedsCopy } from './memory/frozen.ts';
import type { Witness } from './trust.ts';

/** A value from its source, by way of Redis or not. All times are on the monotonic clock. */
export interface Sourced<V> {
  /** `null`: the source has nothing under this key. */
  readonly value: V | null;
  /** When its load began. */
  readonly loadedAtMs: number;
  /** Milliseconds from then that it is fresh. */
  readonly freshMs: number;
  /** Milliseconds that its load took. */
  readonly loadMs: number;
  readonly witness: Witness;
  /** No change that was acknowledged before can be missing in it. */
  readonly asOfMs: number;
  /** It was read from Redis, and may be past its time. */
  readonly isStored: boolean;
  /** Nobody else holds the value or a part of it: it is frozen, and may be kept. */
  readonly isOwn: boolean;
  readonly needsCopy: NeedsCopy;
}

/** A value that was just loaded. */
export type Loaded<V> = Pick<Sourced<V>, 'value' | 'loadedAtMs' | 'freshMs' | 'loadMs'>;

/** Why Redis has no value: there is `none`, or what is there is `unusable`. */
export type Gap = 'none' | 'unusable';
