import type { Readable } from 'node:stream';

/** Rows and milliseconds that are spent on the rest of a stream which its reader has left. */
const mostLeft = 1_000;
const leftWithinMs = 50;

/** Whether a stream has nothing left, or little, which is read then. */
export async function endsSoon(rows: Readable): Promise<boolean> {
  // One that was read to its end destroys itself; one that was destroyed before says that it ended as well.
  if (rows.destroyed) return rows.readableEnded;
  const patience = setTimeout(() => rows.destroy(), leftWithinMs);
  let left = 0;
  try {
    for await (const _ of rows) if (++left > mostLeft) return false;
    return rows.readableEnded;
  } catch {
    // It is gone, as is what its failure would be told to.
    return false;
  } finally {
    clearTimeout(patience);
  }
}
