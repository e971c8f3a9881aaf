import {
  delayEnded,
  type Ended,
  isMeridianError,
  type MeridianError,
} from '../../errors/meridian-error.ts';
import type { Deadline } from '../../resilience/time/deadline.ts';
import { type SeenWrites, tokenOfWrite, type WritePlace } from '../sessions/seen-writes.ts';

/**
 * What a write did.
 *
 * @example
 * const { affected, token }: WriteResult = await data.users.update(id, { name: 'Ada L.' });
 */
export interface WriteResult {
  /** Rows that matched. 0: there is no row with this key. */
  readonly affected: number;
  /**
   * The AUTO_INCREMENT number that the server gave the new row of an `execute`, or what it set with
   * `LAST_INSERT_ID(…)`: of an INSERT of several rows that of the first, whose others need not follow
   * without gaps. With ON DUPLICATE KEY UPDATE it may be that of a row that was there before. Undefined where
   * the statement made none, and of every other write.
   */
  readonly insertId: bigint | undefined;
  /** What a later read must have seen to see this write; undefined when nothing was written. */
  readonly token: string | undefined;
  /**
   * `pending`: the row is written, but Redis did not confirm that it forgot the old one. It is told
   * again; until then other processes may serve the old row for at most ttl + stale.
   */
  readonly invalidation: 'done' | 'pending';
}

/** What one attempt to write did. */
export interface Written {
  readonly gtid: string | undefined;
  /** Further shards that may hold what it wrote: a write under a key was made by an earlier call. */
  readonly elsewhere?: readonly string[];
}

/** The same, of an attempt that counts rows. */
export interface CountedWrite extends Written {
  readonly affected: number;
  readonly insertId?: bigint | undefined;
}

/**
 * What follows one attempt to write at one place: its session notes it, caches forget what it touched.
 * Another attempt, where its row has gone say, has effects of its own.
 */
export interface Effects<W extends Written = Written> extends WritePlace {
  /** Whether what succeeded wrote anything, for servers that give no GTID. */
  hasWritten(written: W): boolean;
  /**
   * Invalidates the cached rows that it touched. Never rejects.
   *
   * @param isApplied false while the outcome is unknown: readers may have looked for the rows by then.
   */
  forget(isApplied: boolean): Promise<'done' | 'pending'>;
}

/** Milliseconds for which a row may be cached whose write may still land, at first and after a while. */
const heldMs = { first: 250, longest: 1_000 };

/** Awaits an attempt and sees to its effects, also where it failed and may be applied all the same. */
export async function withEffects<W extends Written>(
  session: SeenWrites,
  effects: Effects<NoInfer<W>>,
  attempt: Promise<W>,
  deadline: Deadline,
): Promise<{ readonly written: W; readonly invalidation: 'done' | 'pending' }> {
  let written: W;
  try {
    written = await attempt;
  } catch (error) {
    if (isMeridianError(error) && error.outcome !== 'not-applied') {
      session.noteWrite(effects, undefined);
      await forgetUnknown(error, deadline, (isApplied) => effects.forget(isApplied));
    }
    throw error;
  }
  if (written.gtid !== undefined || effects.hasWritten(written)) {
    session.noteWrite(effects, written.gtid);
  }
  if (written.elsewhere) for (const shard of written.elsewhere) session.note(shard, undefined);
  return { written, invalidation: await inTime(effects.forget(true), deadline) };
}

/** {@link withEffects} of what counts rows, as its caller hears of it. */
export async function resultWithEffects(
  session: SeenWrites,
  effects: Effects<CountedWrite>,
  attempt: Promise<CountedWrite>,
  deadline: Deadline,
): Promise<WriteResult> {
  const { written, invalidation } = await withEffects(session, effects, attempt, deadline);
  const { affected, insertId } = written;
  return { affected, insertId, token: tokenOfWrite(effects, written), invalidation };
}

type Forget = Effects['forget'];

/**
 * A write of unknown outcome may land long after its caller was told: what readers cache meanwhile is
 * forgotten again and again, and once more when the server says that the write is over: the caller hears
 * of its end after that.
 *
 * The caller is answered by the deadline; what Redis has not confirmed by then goes on.
 */
export async function forgetUnknown(
  error: MeridianError,
  deadline: Deadline,
  forget: Forget,
): Promise<void> {
  await inTime(forget(false), deadline);
  if (error.ended !== undefined) delayEnded(error, forgetUntil(error.ended, forget));
}

async function forgetUntil(ended: Promise<Ended>, forget: Forget): Promise<Ended> {
  let isOver = false;
  const over = ended.then(() => {
    isOver = true;
  });
  for (let heldFor = heldMs.first; !isOver; heldFor = Math.min(heldMs.longest, heldFor * 1.5)) {
    let timer: NodeJS.Timeout | undefined;
    const pause = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, heldFor).unref();
    });
    await Promise.race([over, pause]);
    clearTimeout(timer);
    await forget(false);
  }
  return ended;
}

/** What Redis has not confirmed by the deadline goes on. */
export async function inTime(
  forgetting: ReturnType<Forget>,
  deadline: Deadline,
): Promise<'done' | 'pending'> {
  try {
    return await deadline.race(forgetting);
  } catch (error) {
    if (deadline.reason === undefined) throw error;
    return 'pending';
  }
}
