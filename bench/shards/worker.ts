import { setTimeout as think } from 'node:timers/promises';
import { quantile } from '../measure.ts';
import { byHand, type Contender, meridian } from './contenders.ts';
import { orderSchema, type Report, type Turn } from './order.ts';

/** A contender in a process of its own: opens what it is told to, then works in turns. */
let contender: Contender | undefined;
let key = 0;

/** Callers who each wait for their answer, and for as long as they think, before they ask again. */
async function carryOut({ work, callers, thinkMs, ms }: Turn, own: Contender): Promise<Report> {
  const latencies: number[] = [];
  const start = performance.now();
  const end = start + ms;
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (;;) {
        if (thinkMs > 0) await think(Math.random() * thinkMs);
        const began = performance.now();
        if (began >= end) return;
        key += 7_919;
        await own[work](key);
        latencies.push(performance.now() - began);
      }
    }),
  );
  return {
    perSecond: latencies.length / ((performance.now() - start) / 1_000),
    p50Ms: quantile(latencies, 0.5) ?? 0,
    p99Ms: quantile(latencies, 0.99) ?? 0,
  };
}

process.on('message', async (message) => {
  const order = orderSchema.parse(message);
  if (order.do === 'open') {
    contender = order.as === 'raw' ? byHand(order.stock) : await meridian(order.stock);
    process.send?.({});
  } else if (contender !== undefined) process.send?.(await carryOut(order, contender));
});
