import { type Check, equal } from './checks.ts';
import type { Outage } from './outage.ts';
import type { ProfilePage } from './profile-page.ts';
import { quantile, type Refusal, type Tally } from './tally.ts';
import { count, millis, percent, say, sayTable, sayWrapped } from './terminal.ts';
import type { Traffic } from './traffic.ts';
import type { BreakerChange } from './watch.ts';

/** What each part of the story looked like to the service. */
export function reportTraffic({ tallies }: Traffic, victim: string): void {
  const { before, dying, dead, back } = tallies;
  const parts = [before, dead, back];
  const row = (label: string, cell: (tally: Tally) => string) => [label, ...parts.map(cell)];
  const tier = (label: string, ...names: (keyof Tally['tiers'])[]) =>
    row(label, ({ tiers, reads }) =>
      percent(
        names.reduce((sum, name) => sum + tiers[name], 0),
        reads,
      ),
    );
  sayTable([
    ['', 'before', `${victim} dead`, `${victim} back`],
    row('reads/s', ({ reads, seconds }) => count(reads / seconds)),
    tier('answered by own memory', 'memory'),
    tier('by Redis', 'redis'),
    tier('by an old row while a new one is asked for', 'stale'),
    tier('had to ask a shard (of those, the dead one refuses)', 'miss'),
    row('reads beyond memory: p50', ({ remoteMs }) => millis(quantile(remoteMs, 0.5))),
    row('                     p99', ({ remoteMs }) => millis(quantile(remoteMs, 0.99))),
    row('writes/s acknowledged', ({ writes, seconds }) => count(writes / seconds)),
    row('writes: p50', ({ writeMs }) => millis(quantile(writeMs, 0.5))),
    row('refused reads and writes', ({ refusals }) => count(refusals.length)),
  ]);
  const refusals = [...before.refusals, ...dying.refusals, ...dead.refusals, ...back.refusals];
  sayWrapped(
    `Refused: ${byCode(refusals)}. Refusals took ${millis(
      quantile(
        refusals.map(({ ms }) => ms),
        0.5,
      ),
    )} (p50). While ${victim} was dead, ${count(dead.victimReads)} reads of its rows were answered from cache.`,
    '  ',
  );
}

/** The same outage as the breaker, the restarted server and a page with a fallback saw it. */
export function reportOutage(
  outage: Outage,
  breakers: readonly BreakerChange[],
  page: ProfilePage,
  victim: string,
): void {
  const since = (atMs: number) => `+${count(atMs - outage.killedMs)} ms`;
  const changes = breakers
    .filter(({ guard, atMs }) => guard === `${victim}/primary` && atMs >= outage.killedMs)
    .map(({ atMs, state }) => `${since(atMs)} ${state}`);
  sayWrapped(`Breaker of ${victim}: ${changes.join(', ')}.`, '  ');
  sayWrapped(
    `Server: +0 ms kill -9 ${outage.pid ?? ''}, ${since(outage.restartedMs)} restart, ` +
      `${since(outage.answeredMs)} answers, ${since(outage.firstReadMs)} first read past the cache.`,
    '  ',
  );
  say(
    `  Profile page of its users (guard with fallback): ${count(page.shown)} profiles, ` +
      `${count(page.placeholders)} placeholders (p50 ${millis(quantile(page.placeholderMs, 0.5))}), 0 errors.`,
  );
}

export function byCode(refusals: readonly Refusal[]): string {
  const counts = new Map<string, number>();
  for (const { call, code } of refusals) {
    const label = `${code.replace('MERIDIAN_', '')} ${call}s`;
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  return [...counts].map(([label, number]) => `${count(number)} ${label}`).join(', ') || 'none';
}

/** A dead shard is its own trouble only, and its cached rows stay readable. */
export function checkOutage({ tallies }: Traffic, victim: string): Check[] {
  const refusals = Object.values(tallies).flatMap((tally) => tally.refusals);
  const elsewhere = refusals.filter(({ shard }) => shard !== victim).length;
  return [
    equal('calls refused by shards that were alive', elsewhere, 0),
    {
      what: `${victim}'s cached rows were answered while it was dead`,
      passed: tallies.dead.victimReads > 0,
    },
    {
      what: `${victim} answers again`,
      passed: tallies.back.refusals.length < tallies.dead.refusals.length || tallies.back.reads > 0,
    },
  ];
}
