import { type DataLayer, isMeridianError } from 'meridian';
import mysql, { type Connection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { accountOn, TestCluster } from '../../support/cluster.ts';
import { fuzzTimeoutMs, patience, rounds, seed } from '../../support/fuzzing.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import type { tables } from '../../support/tables.ts';

/**
 * Random transactions beside rivals that deadlock with them: statements awaited together, forgotten, in
 * savepoints, with throws and time-outs. Each writes marks of its own; the database is the judge of
 * whether what its caller was told is so: all of the marks that count, each once, or none. The same again
 * with the seed that a run prints; `MERIDIAN_FUZZ_MINUTES=60` takes as long.
 *
 * Shown to find its fault: with statements handed to the driver without waiting for their turn, a round
 * finds marks of transactions that were told to be rolled back.
 */
const transactionsOfRound = 60;
const atOnce = 6;
const hotRows = 4;

type Data = DataLayer<typeof tables>;
type Scope = Parameters<Parameters<ReturnType<Data['transactions']['at']>['transaction']>[0]>[0];

/** What a body does, one after the other; drawn before it runs, so that a repetition is the same. */
type Step =
  | { readonly kind: 'mark'; readonly mark: bigint }
  | { readonly kind: 'hot'; readonly row: number }
  | { readonly kind: 'together'; readonly steps: readonly Step[] }
  | { readonly kind: 'forgotten'; readonly step: Step }
  | { readonly kind: 'savepoint'; readonly steps: readonly Step[]; readonly throws: boolean }
  | { readonly kind: 'throw' };

let cluster: TestCluster;
let data: Data;
let account: string;
let hot: string[];

beforeAll(async () => {
  cluster = await TestCluster.start();
  ({ data } = await cluster.open({
    ...patience,
    pool: { ...patience.pool, connections: atOnce + 2 },
  }));
  account = accountOn('tx-1', data.transactions);
});

afterAll(() => cluster.stop());

class Undone extends Error {}

/** No key is drawn twice, in whatever round. */
let drawn = 0;

function draw(random: SeededRandom, number: number) {
  let marks = 0;
  const mark = (): Step => ({ kind: 'mark', mark: BigInt(1_000 * (number + 1) + marks++) });
  const simple = (): Step =>
    random.isOneIn(2) ? mark() : { kind: 'hot', row: random.below(hotRows) };
  const some = (make: () => Step) => Array.from({ length: 1 + random.below(3) }, make);
  const step = (depth: number): Step => {
    switch (random.below(depth > 1 ? 4 : 8)) {
      case 4:
        return { kind: 'together', steps: some(simple) };
      case 5:
        return random.isOneIn(4) ? { kind: 'forgotten', step: simple() } : mark();
      case 6:
        return { kind: 'savepoint', steps: some(() => step(depth + 1)), throws: random.isOneIn(3) };
      case 7:
        return random.isOneIn(6) ? { kind: 'throw' } : { kind: 'together', steps: some(simple) };
      default:
        return simple();
    }
  };
  const steps = Array.from({ length: 2 + random.below(4) }, () => step(0));
  const options = {
    ...(random.isOneIn(2) && { retries: 3 }),
    ...(random.isOneIn(3) && { idempotencyKey: `fuzz-${drawn++}` }),
    ...(random.isOneIn(5) && { timeoutMs: 5 + random.below(60) }),
  };
  return { steps, options };
}

async function perform(scope: Scope, steps: readonly Step[]): Promise<void> {
  for (const step of steps) await performOne(scope, step);
}

async function performOne(scope: Scope, step: Step): Promise<void> {
  switch (step.kind) {
    case 'mark':
      await scope.transactions.insert({ account_id: account, cents: step.mark });
      return;
    case 'hot':
      await scope.execute(
        'UPDATE transactions SET cents = cents - 1 WHERE id = ? AND account_id = ?',
        [hot[step.row] ?? '', account],
      );
      return;
    case 'together':
      await Promise.all(step.steps.map((one) => performOne(scope, one)));
      return;
    case 'forgotten':
      // Its rejection is for the transaction to tell.
      void performOne(scope, step.step).catch(() => undefined);
      return;
    case 'savepoint':
      await scope
        .savepoint(async (inner) => {
          await perform(inner as Scope, step.steps);
          if (step.throws) throw new Undone();
        })
        .catch((error: unknown) => {
          if (!(error instanceof Undone)) throw error;
        });
      return;
    case 'throw':
      throw new Undone();
  }
}

function isUndone({ steps, throws }: Extract<Step, { kind: 'savepoint' }>): boolean {
  return throws || steps.some(({ kind }) => kind === 'throw');
}

/** The marks that a committed transaction leaves. */
function marksOf(steps: readonly Step[]): bigint[] {
  return steps.flatMap((step) => {
    if (step.kind === 'mark') return [step.mark];
    if (step.kind === 'together') return marksOf(step.steps);
    if (step.kind === 'savepoint') return isUndone(step) ? [] : marksOf(step.steps);
    return step.kind === 'forgotten' ? marksOf([step.step]) : [];
  });
}

/** Takes the hot rows in its own order, with so many changes that the server ends the others. */
async function rival(connection: Connection, random: SeededRandom, isOver: () => boolean) {
  while (!isOver()) {
    await connection.query('BEGIN');
    try {
      if (random.isOneIn(2)) {
        await connection.query(
          'INSERT INTO junk SELECT NULL FROM information_schema.collations LIMIT 40',
        );
      }
      for (let lock = 0; lock < 3; lock++) {
        const id = hot[random.below(hotRows)];
        await connection.query('UPDATE transactions SET cents = cents - 0 WHERE id = ?', [id]);
        await connection.query('SELECT * FROM transactions WHERE id = ? FOR UPDATE', [id]);
      }
    } catch (error) {
      if (Object(error).errno !== 1213 && Object(error).errno !== 1205) throw error;
    }
    await connection.query('ROLLBACK');
  }
}

async function round(random: SeededRandom) {
  await cluster.sql('tx-1', 'DELETE FROM transactions');
  const rows = await data.transactions.insertMany(
    Array.from({ length: hotRows }, () => ({ account_id: account, cents: 0n })),
  );
  hot = rows.map(({ id }) => id);
  const programs = Array.from({ length: transactionsOfRound }, (_, number) => draw(random, number));
  const verdicts = new Map<number, 'applied' | 'not-applied' | 'unknown'>();
  let isOver = false;
  const rivals = [1, 2].map(async () => {
    const { adminUrl } = cluster.cluster.shards['tx-1'].primary;
    const connection = await mysql.createConnection(adminUrl);
    const own = new SeededRandom(random.below(2 ** 31));
    await rival(connection, own, () => isOver).finally(() => connection.destroy());
  });
  const queue = [...programs.entries()];
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [number, { steps, options }] = next;
      try {
        await data.transactions.at(account).transaction((trx) => perform(trx, steps), options);
        verdicts.set(number, 'applied');
      } catch (error) {
        if (error instanceof Undone) verdicts.set(number, 'not-applied');
        else if (isMeridianError(error)) {
          verdicts.set(number, error.outcome);
          await error.ended;
        } else throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  isOver = true;
  await Promise.all(rivals);
  const stored = await cluster.sql('tx-1', 'SELECT cents FROM transactions WHERE cents >= 1000');
  const found = new Map<number, bigint[]>();
  for (const { cents } of stored) {
    const number = Math.floor(Number(cents) / 1_000) - 1;
    found.set(number, [...(found.get(number) ?? []), BigInt(String(cents))]);
  }
  for (const [number, { steps }] of programs.entries()) {
    const expected = marksOf(steps).sort();
    const marks = (found.get(number) ?? []).sort();
    const verdict = verdicts.get(number);
    const facts = {
      number,
      verdict,
      steps: JSON.stringify(steps, (_, v) => (typeof v === 'bigint' ? Number(v) : v)),
    };
    if (verdict === 'applied') expect({ ...facts, marks }).toEqual({ ...facts, marks: expected });
    else if (verdict === 'not-applied')
      expect({ ...facts, marks }).toEqual({ ...facts, marks: [] });
    else expect([[], expected]).toContainEqual(marks);
  }
  return [...verdicts.values()];
}

it(
  `A1: what callers are told of their transactions is so (seed ${seed})`,
  async () => {
    await cluster.sql('tx-1', 'CREATE TABLE junk (id BIGINT AUTO_INCREMENT PRIMARY KEY)');
    const random = new SeededRandom(seed);
    const all: string[] = [];
    for await (const _ of rounds()) all.push(...(await round(random)));
    // It would prove nothing if all went well, or nothing did.
    expect(all).toContain('applied');
    expect(all).toContain('not-applied');
  },
  fuzzTimeoutMs,
);
