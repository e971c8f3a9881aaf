import { slotOf } from 'meridian/sharding';
import { openBench } from '../fixture.ts';
import { awaitLoop, compare, tightLoop } from '../measure.ts';
import type { Suite } from '../result.ts';

/** What never leaves the process: memory hits and routing. */
export const suite: Suite = {
  name: 'Memory hits and routing',
  async run() {
    const bench = await openBench();
    const { data, hotIds: hot } = bench;
    try {
      await data.cached.getMany(hot);
      const keyAt = (index: number) => hot[index % hot.length] ?? '';
      const measured = await compare(
        {
          'users.get, memory hit, awaited': awaitLoop((index) => data.cached.get(keyAt(index))),
          'users.explain': tightLoop((index) => data.cached.explain(keyAt(index))),
          'slotOf, 36 characters': tightLoop((index) => slotOf(keyAt(index))),
        },
        { rounds: 7, ms: 400 },
      );
      return measured.map(({ name, perSecond }, index) => ({
        name,
        value: `${(perSecond / 1e6).toFixed(2)} M/s`,
        ...(index < 2 && { target: '>= 1.00 M/s', met: perSecond >= 1e6 }),
        figures: { perSecond },
      }));
    } finally {
      await bench.close();
    }
  },
};
