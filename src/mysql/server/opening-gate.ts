const openingAtFirst = 2;
const pause = { firstMs: 50, longestMs: 1_000 };

/**
 * How many connections to one server may be in the making. A server that was restarted meets two at
 * a time from each pool, then as many more as were opened: all at once they would keep it from
 * serving anybody. A server that is full meets none for a while.
 *
 * Source of the growth: TCP's slow start, V. Jacobson, "Congestion Avoidance and Control", 1988.
 */
export class OpeningGate {
  #limit = openingAtFirst;
  #opening = 0;
  #pausedUntil = 0;
  #refusals = 0;
  #failures = 0;

  /** Connections in the making. */
  get opening(): number {
    return this.#opening;
  }

  /** Milliseconds in which none may be begun, because the server had no room for the last one. */
  get pauseMs(): number {
    return Math.max(0, this.#pausedUntil - performance.now());
  }

  /** Whether the last two or more failed: it is the server, and not a single connection. */
  get isFailing(): boolean {
    return this.#failures >= 2;
  }

  get isOpen(): boolean {
    return this.#opening < this.#limit && this.pauseMs === 0;
  }

  begin(): void {
    this.#opening++;
  }

  succeeded(): void {
    this.#opening--;
    this.#limit++;
    this.#refusals = 0;
    this.#failures = 0;
  }

  failed(serverIsFull: boolean): void {
    this.#opening--;
    this.#failures++;
    this.lost();
    if (!serverIsFull || this.pauseMs > 0) return;
    const ms = Math.min(pause.longestMs, pause.firstMs * 2 ** this.#refusals++);
    // Pools that were refused together do not come back together.
    this.#pausedUntil = performance.now() + ms * (0.5 + Math.random() / 2);
  }

  /** A connection was lost: where one is, the others follow. */
  lost(): void {
    this.#limit = openingAtFirst;
  }
}
