import { type Check, equal } from './checks.ts';
import type { Outage } from './outage.ts';
import type { ProfilePage } from './profile-page.ts';
import { quantile, type Refusal, type Tally } from './tally.ts';
import { count, millis, percent, sayTable, sayWrapped } from './terminal.ts';
import type { Traffic } from './traffic.ts';
import type { BreakerChange } from './watch.ts';

/** What each part of the story looked like to the service. */
export function reportTraffic({ tallies }: Traffic, victim: string): void {
  const { before, dead, back } = tallies;
  const row = (label: string, cell: (tally: Tally) => string) => [
    label,
    ...[before, dead, back].map(cell),
  ];
  const tier = (label: string, name: keyof Tally['tiers']) =>
    row(label, ({ tiers, asked }) => percent(tiers[name], asked));
  sayTable([
    ['', 'before', `${victim} dead`, `${victim} back`],
    row('reads/s answered', ({ reads, seconds }) => count(reads / seconds)),
    row('cache hit ratio', ({ tiers, asked }) => percent(asked - tiers.miss, asked)),
    tier('  from own memory', 'memory'),
    tier('  from Redis', 'redis'),
    tier('  past its time, from either', 'stale'),
    row('reads beyond memory, p50', ({ remoteMs }) => millis(quantile(remoteMs, 0.5))),
    row('                     p99', ({ remoteMs }) => millis(quantile(remoteMs, 0.99))),
    row('writes/s acknowledged', ({ writes, seconds }) => count(writes / seconds)),
    row('writes, p50', ({ writeMs }) => millis(quantile(writeMs, 0.5))),
    row('calls refused', ({ refusals }) => count(refusals.length)),
  ]);
}

/** The outage as its callers, the breaker, the server and a page with a fallback saw it. */
export function reportOutage(
  { tallies }: Traffic,
  { pid, killedMs, restartedMs, answeredMs, firstReadMs }: Outage,
  breaker: readonly BreakerChange[],
  { shown }: ProfilePage,
  victim: string,
): void {
  const refusals = Object.values(tallies).flatMap((tally) => tally.refusals);
  const since = (atMs: number) => `+${count(atMs - killedMs)}`;
  const p50 = (values: readonly number[]) => millis(quantile(values, 0.5));
  const { fresh, cached, placeholder } = shown;
  for (const text of [
    `Server: kill -9 ${pid ?? ''}; restarted ${since(restartedMs)}, answers ${since(answeredMs)}, first read ` +
      `past the cache ${since(firstReadMs)} ms.`,
    `Breaker: ${inWords(breaker, since)}.`,
    `Cache: ${count(tallies.dead.victimReads)} reads of ${victim}'s rows were answered while it was dead.`,
    `Refused: ${byCode(refusals)}; p50 ${p50(refusals.map(({ ms }) => ms))}.`,
    `Fallback: a page behind a guard showed ${count(fresh)} fresh rows, ${count(cached)} cached ones, ` +
      `${count(placeholder)} placeholders.`,
  ]) {
    sayWrapped(text, '  ');
  }
}

/** A dead shard is its own trouble only, its cached rows stay readable, and it comes back. */
export function checkOutage(
  { tallies }: Traffic,
  breaker: readonly BreakerChange[],
  victim: string,
): Check[] {
  const refusals = Object.values(tallies).flatMap((tally) => tally.refusals);
  const elsewhere = refusals.filter(({ shard }) => shard !== victim).length;
  const opened = breaker.some(({ state }) => state === 'open');
  return [
    equal('calls refused by shards that were alive', elsewhere, 0),
    {
      what: `cached rows of ${victim} were answered while it was dead`,
      passed: tallies.dead.victimReads > 0,
    },
    {
      what: `the breaker of ${victim} opened and closed again`,
      passed: opened && breaker.at(-1)?.state === 'closed',
    },
  ];
}

/** open, half-open, open, half-open, closed: opened, tried again twice, closed. */
function inWords(breaker: readonly BreakerChange[], since: (atMs: number) => string): string {
  const probes = breaker.filter(({ state }) => state === 'half-open').length;
  const first = breaker.find(({ state }) => state === 'open');
  const last = breaker.at(-1);
  if (first === undefined || last === undefined) return 'never opened';
  return `open ${since(first.atMs)}, then half-open ${probes} times for one probe each, ${last.state} ${since(last.atMs)} ms`;
}

function byCode(refusals: readonly Refusal[]): string {
  const counts = new Map<string, number>();
  for (const { call, code } of refusals) {
    const label = `${code.replace('MERIDIAN_', '')} ${call}s`;
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  return [...counts].map(([label, number]) => `${count(number)} ${label}`).join(', ') || 'none';
}
