/** Failures in a row. */
const failuresToEject = 5;
/** Times as slow as its peers, and by so many milliseconds at least. */
const slownessToEject = 3;
const leastSlownessMs = 10;
const samplesToCompare = 50;
const firstEjectionMs = 30_000;
const longestEjectionMs = 300_000;
const mostEjectedShare = 0.5;
const smoothing = 0.1;

interface Member {
  failuresInARow: number;
  samples: number;
  meanMs: number;
  /** Ejections without a quiet time of the same length between them. */
  ejections: number;
  ejectedUntil: number;
}

export interface Ejection {
  readonly name: string;
  readonly because: 'failures' | 'slowness';
  readonly forMs: number;
}

/**
 * Which of several equal endpoints does worse than the others and is better left alone for a while:
 * five failures in a row, or three times as slow as the median of its peers. At most half of them at
 * once, since what slows all of them down is no fault of one; each time for longer.
 *
 * Source: Envoy's outlier detection, with its default times.
 */
export class Outliers {
  readonly #members = new Map<string, Member>();
  readonly #onEject: (ejection: Ejection) => void;
  readonly #now: () => number;

  constructor(
    names: readonly string[],
    onEject: (ejection: Ejection) => void,
    now: () => number = () => performance.now(),
  ) {
    for (const name of names) this.#members.set(name, fresh(0));
    this.#onEject = onEject;
    this.#now = now;
  }

  isEjected(name: string): boolean {
    const until = this.#members.get(name)?.ejectedUntil ?? 0;
    return until > 0 && this.#now() < until;
  }

  /** An endpoint answered, well or not, after `durationMs`. */
  record(name: string, isWell: boolean, durationMs: number): void {
    const member = this.#members.get(name);
    if (member === undefined || this.isEjected(name)) return;
    if (!isWell) {
      member.failuresInARow++;
      if (member.failuresInARow >= failuresToEject) this.#eject(name, member, 'failures');
      return;
    }
    member.failuresInARow = 0;
    member.samples++;
    member.meanMs =
      member.samples === 1 ? durationMs : member.meanMs + smoothing * (durationMs - member.meanMs);
    if (member.samples % samplesToCompare === 0 && this.#isSlow(name, member)) {
      this.#eject(name, member, 'slowness');
    }
  }

  #isSlow(name: string, { meanMs }: Member): boolean {
    const peers = [...this.#members]
      .filter(([other, { samples }]) => other !== name && samples >= samplesToCompare)
      .map(([, peer]) => peer.meanMs)
      .sort((a, b) => a - b);
    const median = peers[Math.floor((peers.length - 1) / 2)];
    if (median === undefined) return false;
    return meanMs > slownessToEject * median && meanMs - median > leastSlownessMs;
  }

  #eject(name: string, member: Member, because: Ejection['because']): void {
    const now = this.#now();
    const ejected = [...this.#members.values()].filter(({ ejectedUntil }) => now < ejectedUntil);
    if (ejected.length + 1 > this.#members.size * mostEjectedShare) return;
    const wasLongAgo = now - member.ejectedUntil > lastsMs(member.ejections);
    const ejections = wasLongAgo ? 1 : member.ejections + 1;
    const forMs = lastsMs(ejections);
    this.#members.set(name, { ...fresh(ejections), ejectedUntil: now + forMs });
    this.#onEject({ name, because, forMs });
  }
}

function lastsMs(ejections: number): number {
  return Math.min(longestEjectionMs, firstEjectionMs * ejections);
}

function fresh(ejections: number): Member {
  return { failuresInARow: 0, samples: 0, meanMs: 0, ejections, ejectedUntil: 0 };
}
