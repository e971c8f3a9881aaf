import { createBackoff } from '../../../resilience/retry/backoff.ts';

/** A server that refuses what the cache needs is asked more and more seldom, and still often enough. */
const backoff = { baseMs: 200, maxMs: 10_000 };
/** A connection that was of use for so long was well: what is refused after it is new. */
const wellAfterMs = 10_000;
/** What a server or its user lacks, which another connection would not have. */
const lacking = /^(NOPERM|NOAUTH|WRONGPASS|ERR unknown (sub)?command|ERR invalid password)/i;

/** Whether an error says that the server will not do for this user what the cache needs. */
export function isRefusal(message: string): boolean {
  return lacking.test(message);
}

/** What a server said, without what it was asked: it quotes arguments of commands, and so keys of rows. */
export function saidBy(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/,? with args beginning with:[\s\S]*/i, '').slice(0, 300);
}

/** What to do about a refusal, as events tell it. */
export function cureOf(said: string): string {
  return (
    `Redis refuses what the cache needs (${said}): it is not used until that changes. ` +
    'docs/guides/cache.md lists the commands and channels, under "Your own client".'
  );
}

/** How long a connection waits before it is opened anew. */
export class Reconnection {
  #nextPause = createBackoff(backoff);
  #pauseMs = 0;
  #told: string | undefined;
  #acceptedAtMs = Number.POSITIVE_INFINITY;

  /** Milliseconds before the next attempt; a server that was only lost is asked again soon. */
  pauseMs(attempt: number): number {
    return Math.max(this.#pauseMs, Math.min(25 * 2 ** attempt, 500));
  }

  /** The server does what is needed. */
  accepted(): void {
    this.#acceptedAtMs = performance.now();
    this.#pauseMs = 0;
  }

  /** The server refuses what is needed. Returns whether that is news. */
  refused(message: string): boolean {
    if (performance.now() - this.#acceptedAtMs > wellAfterMs) {
      this.#nextPause = createBackoff(backoff);
      this.#told = undefined;
    }
    this.#acceptedAtMs = Number.POSITIVE_INFINITY;
    this.#pauseMs = this.#nextPause();
    const isNews = message !== this.#told;
    this.#told = message;
    return isNews;
  }
}
