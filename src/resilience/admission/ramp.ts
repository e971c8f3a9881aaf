const steps = 20;

/**
 * From one call to all of them in `rampMs`: what comes back, cold and with everybody waiting for it,
 * would fall over again under all of them at once. Its timer lives only while it ramps, and keeps no
 * process alive.
 */
export class Ramp {
  readonly #ms: number;
  readonly #now: () => number;
  readonly #onStep: () => void;
  #timer: NodeJS.Timeout | undefined;
  #startedAt = 0;

  constructor(ms: number, now: () => number, onStep: () => void) {
    this.#ms = ms;
    this.#now = now;
    this.#onStep = onStep;
  }

  get isActive(): boolean {
    return this.#timer !== undefined;
  }

  start(): void {
    if (this.#ms === 0) return;
    this.stop();
    this.#startedAt = this.#now();
    // Waiting calls need a push as the room grows, also when none of those that run ends.
    this.#timer = setInterval(this.#onStep, Math.max(1, this.#ms / steps));
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** From 0 to 1; it ends the ramp when it is over. */
  share(): number {
    if (this.#timer === undefined) return 1;
    const share = (this.#now() - this.#startedAt) / this.#ms;
    if (share < 1) return share;
    this.stop();
    return 1;
  }
}
