import { setTimeout as pass } from 'node:timers/promises';
import type { SeededRandom } from '../../support/seeded-random.ts';
import type { Moment } from '../model/history.ts';
import { now } from '../worker/recorder.ts';
import type { Fault, Strike } from './fault.ts';

/** What was broken or mended, and when. */
export interface Incident {
  readonly at: Moment;
  readonly text: string;
}

/** Before the first fault: Redis must hold something that a fault can revive. */
const firstQuietMs = 2_000;
const quietMs = [200, 1_500] as const;
const brokenMs = [50, 3_000] as const;
/** After the last fault: what is wrong from then on must not be blamed on it. */
const lastQuietMs = 1_000;

/** Breaks things at random for some time, one or two at once, with quiet phases in between. */
export async function torment(
  faults: readonly Fault[],
  durationMs: number,
  random: SeededRandom,
): Promise<Incident[]> {
  const incidents: Incident[] = [];
  const note = (text: string) => incidents.push({ at: now(), text });
  const endMs = performance.now() + durationMs - lastQuietMs;
  // Every kind once, in an order of chance, before any comes twice. The one that a short run must
  // not do without is the first.
  let due = faults.slice(0, 1);
  const draw = () => {
    if (due.length === 0) due = shuffled(faults, random);
    return due.splice(0, 1);
  };
  await pass(Math.min(durationMs, firstQuietMs));
  while (faults.length > 0 && performance.now() < endMs) {
    await pass(random.between(...quietMs));
    const chosen = draw();
    if (random.isOneIn(4)) chosen.push(...draw().filter((other) => isApart(other, chosen)));
    const strikes: Strike[] = [];
    for (const fault of chosen) {
      const strike = await fault.strike(random);
      note(strike.what);
      strikes.push(strike);
      if (strike.mend !== undefined) await pass(random.between(...brokenMs) / chosen.length);
    }
    for (const { what, mend } of strikes.reverse()) {
      await mend?.();
      if (mend !== undefined) note(`over: ${what}`);
    }
  }
  await pass(Math.max(lastQuietMs, endMs + lastQuietMs - performance.now()));
  return incidents;
}

function isApart({ subject }: Fault, others: readonly Fault[]): boolean {
  return others.every((other) => other.subject !== subject);
}

function shuffled<T>(list: readonly T[], random: SeededRandom): T[] {
  return list
    .map((item) => ({ item, place: random.next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
