import type { Probe } from '../breaker/breaker.ts';
import { withTimeLimit } from './time-limit.ts';

export interface StallWatchConfig {
  /** Milliseconds without any answer, while calls are under way, after which it is probed. */
  readonly stallMs: number;
  /** Milliseconds that the probe may take. */
  readonly probeTimeoutMs: number;
  readonly probe: Probe;
  readonly onStalled: (reason: string) => void;
}

/** Looks per `stallMs`: what is seen is at most a quarter of it old. */
const looks = 4;
const longestPatience = 8;

/**
 * Notices that an endpoint has gone silent, long before its calls reach their deadlines: while calls
 * are under way and none is answered, it is probed; a slow statement on a healthy server is none of
 * its business. After a probe that succeeded it waits twice as long, unless new calls come.
 *
 * A call costs two additions. One timer for all of them, armed by the first and gone soon after the
 * last; it keeps no process alive.
 */
export class StallWatch {
  readonly #config: StallWatchConfig;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #running = 0;
  #begun = 0;
  #answers = 0;
  #seen = 0;
  #quietLooks = 0;
  #patience = 1;
  #begunAtProbe = 0;
  #probing = false;
  #restsUntil = 0;
  /** Counts how often watching was taken up again: what was asked before no longer counts. */
  #round = 0;
  #paused = false;

  constructor(config: StallWatchConfig) {
    this.#config = config;
  }

  began(): void {
    this.#running++;
    this.#begun++;
    if (this.#timer === undefined && !this.#closed) this.#arm();
  }

  ended(isAnswer: boolean): void {
    this.#running--;
    if (isAnswer) this.#answers++;
  }

  /**
   * A call had no answer by its deadline. Whether the endpoint is busy or gone, the probe tells; it is
   * asked at once, and at most once in `stallMs`.
   */
  doubt(): void {
    if (this.#closed || this.#paused || this.#probing) return;
    if (performance.now() < this.#restsUntil) return;
    this.#restsUntil = performance.now() + this.#config.stallMs;
    this.#ask('it has not answered a call by its deadline, nor a probe');
  }

  /** The breaker is open, and probes by itself. */
  pause(): void {
    this.#paused = true;
    this.#round++;
    this.#probing = false;
  }

  resume(): void {
    this.#paused = false;
    this.#patience = 1;
    this.#quietLooks = 0;
  }

  close(): void {
    this.#closed = true;
    this.#disarm();
  }

  #arm(): void {
    this.#seen = this.#answers;
    this.#quietLooks = 0;
    this.#timer = setInterval(() => this.#look(), this.#config.stallMs / looks);
    this.#timer.unref();
  }

  #disarm(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    if (this.#running === 0) {
      this.#disarm();
      return;
    }
    if (this.#paused) return;
    if (this.#answers !== this.#seen) {
      this.#seen = this.#answers;
      this.#quietLooks = 0;
      this.#patience = 1;
      return;
    }
    // Those who came since the last probe have had no sign of life yet.
    if (this.#patience > 1 && this.#begun !== this.#begunAtProbe) {
      this.#patience = 1;
      this.#quietLooks = 0;
    }
    this.#quietLooks++;
    if (this.#quietLooks < looks * this.#patience || this.#probing) return;
    this.#ask(`it has answered nothing for over ${this.#config.stallMs} ms, nor a probe`);
  }

  #ask(reason: string): void {
    const { probe, probeTimeoutMs, onStalled } = this.#config;
    const answers = this.#answers;
    const round = this.#round;
    this.#probing = true;
    this.#begunAtProbe = this.#begun;
    const end = (isAlive: boolean) => {
      if (this.#closed || round !== this.#round) return;
      this.#probing = false;
      this.#quietLooks = 0;
      if (isAlive) this.#patience = Math.min(longestPatience, this.#patience * 2);
      else if (this.#answers === answers) onStalled(reason);
    };
    withTimeLimit(probe, probeTimeoutMs).then(
      () => end(true),
      () => end(false),
    );
  }
}
