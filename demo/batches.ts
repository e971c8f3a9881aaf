import { count, withProgress } from './terminal.ts';

const batchSize = 2_000;
const batchesAtOnce = 4;

/** Hands rows over in batches, a few at a time, and gives the results in the order of the rows. */
export async function inBatches<In, Out>(
  label: string,
  rows: readonly In[],
  work: (batch: readonly In[]) => Promise<readonly Out[]>,
): Promise<Out[]> {
  const results: (readonly Out[])[] = [];
  let taken = 0;
  let done = 0;
  const worker = async () => {
    while (taken < rows.length) {
      const from = taken;
      const batch = rows.slice(from, from + batchSize);
      taken += batch.length;
      results[from / batchSize] = await work(batch);
      done += batch.length;
    }
  };
  await withProgress(
    () => `${label}: ${count(done)} of ${count(rows.length)}`,
    () => Promise.all(Array.from({ length: batchesAtOnce }, worker)),
  );
  return results.flat();
}
