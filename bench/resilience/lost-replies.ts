import { isMeridianError, type Outcome } from 'meridian';
import { type MysqlServer, startChaosProxy } from 'meridian/testing';
import type { Result } from '../result.ts';
import { openLedger } from './ledger.ts';

const times = 1_000;

/** The reply to COMMIT is lost each time. */
export async function lostReplies({ url, adminUrl }: MysqlServer): Promise<Result[]> {
  const proxy = await startChaosProxy({ target: url });
  const ledger = await openLedger(proxy.urlFor(url), adminUrl);
  const run = async (isKeyed: boolean) => {
    const told: Record<Outcome, number> = { applied: 0, 'not-applied': 0, unknown: 0 };
    const wrong = { lost: 0, doubled: 0 };
    const retriesBefore = ledger.retries;
    const outcomes = new Map<string, Outcome>();
    for (let number = 0; number < times; number++) {
      const label = `${isKeyed ? 'keyed' : 'plain'}-${number}`;
      const dropped = proxy.dropNextCommitReply();
      const outcome = await ledger.data.entries
        .at('owner')
        .transaction(
          async (trx) => {
            await trx.entries.insert({ owner: 'owner', label });
          },
          isKeyed ? { idempotencyKey: label } : { retries: 3 },
        )
        .then(
          (): Outcome => 'applied',
          (error: unknown): Outcome => {
            if (!isMeridianError(error)) throw error;
            return error.outcome;
          },
        );
      await dropped.happened;
      told[outcome]++;
      outcomes.set(label, outcome);
    }
    const counts = await ledger.counts();
    for (const [label, outcome] of outcomes) {
      const stored = counts.get(label) ?? 0;
      if (stored === 0 && outcome === 'applied') wrong.lost++;
      if (stored > 1) wrong.doubled++;
    }
    return { told, ...wrong, retries: ledger.retries - retriesBefore };
  };
  try {
    const keyed = await run(true);
    const plain = await run(false);
    const definite = (times - keyed.told.unknown) / times;
    return [
      {
        name: '1,000 lost replies to COMMIT, with a key: lost / doubled / told for sure',
        value: `${keyed.lost} / ${keyed.doubled} / ${(definite * 100).toFixed(1)} %`,
        target: '0 / 0 / 99 %',
        met: keyed.lost + keyed.doubled === 0 && definite >= 0.99,
        figures: { lost: keyed.lost, doubled: keyed.doubled, definite },
      },
      {
        name: 'without a key: unknown / doubled',
        value: `${plain.told.unknown} / ${plain.doubled}`,
        target: '1,000 / 0',
        met: plain.told.unknown === times && plain.doubled === 0,
        figures: { unknown: plain.told.unknown, doubled: plain.doubled },
      },
    ];
  } finally {
    await ledger.data.close();
    await proxy.close();
  }
}
