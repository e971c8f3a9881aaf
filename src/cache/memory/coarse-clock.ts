/** How many readings may share one look at the clock: it costs as much as finding an entry. */
const readingsPerLook = 64;

let readings = 0;
let lookedAtMs = 0;
let isTurnNoted = false;

/**
 * Milliseconds on the monotonic clock, at most a few readings old and never from before this turn of
 * the event loop: exact enough for the life of an entry, at a tenth of the price. O(1).
 */
export function coarseNow(): number {
  if (--readings > 0) return lookedAtMs;
  readings = readingsPerLook;
  lookedAtMs = performance.now();
  if (!isTurnNoted) {
    isTurnNoted = true;
    setImmediate(onTurn).unref();
  }
  return lookedAtMs;
}

function onTurn(): void {
  isTurnNoted = false;
  readings = 0;
}
