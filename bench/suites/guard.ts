import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createGuard, type Guard } from 'meridian/resilience';
import { cockatielGuard, cockatielOpen, opossumGuard } from '../guard-peers.ts';
import { awaitLoop, compare, type Measured } from '../measure.ts';
import type { Result, Suite } from '../result.ts';

const noop = async () => {};
const ping = async () => {};
const targetMicros = 6;
const refusalMicros = 10;
const manyCalls = 1_000_000;

/** Every policy that a guard has. */
function fullGuard(): Guard {
  return createGuard('bench', {
    failures: 5,
    window: { failureShare: 0.5, slowMs: 500 },
    probe: ping,
    isFailure: () => true,
  });
}

function openGuard(): Guard {
  const guard = createGuard('bench', { openMs: 3_600_000 });
  guard.trip('the bench says so');
  return guard;
}

const micros = ({ perSecond }: Measured) => 1e6 / perSecond;

/** What a call costs over the same call without a guard. */
async function overhead(): Promise<Result[]> {
  const guard = fullGuard();
  const cockatiel = cockatielGuard();
  const opossum = opossumGuard();
  const signal = new AbortController().signal;
  const options = { signal, idempotent: true, fallback: () => undefined };
  const [bare, ours, asked, theirs, others] = await compare(
    {
      bare: awaitLoop(() => noop()),
      meridian: awaitLoop(() => guard.run(noop)),
      'with signal and fallback': awaitLoop(() => guard.run(noop, options)),
      cockatiel: awaitLoop(() => cockatiel(noop)),
      ...(opossum !== undefined && { opossum: awaitLoop(() => opossum(noop)) }),
    },
    { rounds: 7, ms: 400 },
  );
  if (!bare || !ours || !asked || !theirs) throw new Error('nothing measured');
  const over = (measured: Measured) => micros(measured) - micros(bare);
  const figures = {
    ours: over(ours),
    withOptions: over(asked),
    cockatiel: over(theirs),
    opossum: others && over(others),
  };
  return [
    {
      name: 'guard: overhead on a no-op, all policies',
      value: `${over(ours).toFixed(2)} µs (with signal and fallback ${over(asked).toFixed(2)} µs)`,
      target: `≤ ${targetMicros} µs`,
      met: over(ours) <= targetMicros,
      figures,
    },
    {
      name: 'the same, peers',
      value: `cockatiel ${over(theirs).toFixed(2)} µs${others === undefined ? '' : `, opossum ${over(others).toFixed(2)} µs`}`,
      figures,
    },
  ];
}

async function refusals(): Promise<Result> {
  const guard = openGuard();
  const cockatiel = cockatielOpen();
  await cockatiel(() => Promise.reject(new Error('down'))).catch(() => {});
  let refused = 0;
  const count = () => {
    refused++;
  };
  const [ours, theirs] = await compare(
    {
      meridian: awaitLoop(() => guard.run(noop).catch(count), 1_000),
      cockatiel: awaitLoop(() => cockatiel(noop).catch(count), 1_000),
    },
    { rounds: 7, ms: 300 },
  );
  if (!ours || !theirs || refused === 0) throw new Error('nothing measured');
  return {
    name: 'a refusal of the open breaker',
    value: `${micros(ours).toFixed(2)} µs (cockatiel ${micros(theirs).toFixed(2)} µs)`,
    target: `< ${refusalMicros} µs`,
    met: micros(ours) < refusalMicros,
    figures: { ours: micros(ours), cockatiel: micros(theirs) },
  };
}

async function heapGrowth(): Promise<Result> {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  const settledHeap = () => {
    if (typeof collect === 'function') collect();
    return process.memoryUsage().heapUsed;
  };
  const guard = fullGuard();
  for (let call = 0; call < manyCalls / 10; call++) await guard.run(noop);
  const before = settledHeap();
  for (let call = 0; call < manyCalls; call++) await guard.run(noop);
  const grownKb = (settledHeap() - before) / 1_024;
  return {
    name: 'heap after a million calls',
    value: `${grownKb.toFixed(0)} kB more`,
    target: '≤ 100 kB',
    met: grownKb <= 100,
    figures: { grownKb, calls: manyCalls },
  };
}

export const suite: Suite = {
  name: 'Guard: what it costs',
  async run() {
    return [...(await overhead()), await refusals(), await heapGrowth()];
  },
};
