/**
 * The times of a shared Redis that must agree, since processes rely on what others have recorded of it. They
 * are part of the protocol: processes of two versions run beside each other.
 */

/**
 * Milliseconds for which this process may use a Redis after it has said so: well within the time for which
 * others take it at its word, for their clock began later.
 */
export const claimMs = 90_000;

/** Between two upkeeps, on average: each comes up to half as much later. */
export const upkeepMs = 30_000;
export const upkeepTimeoutMs = 20_000;

/** After so long without an upkeep a process counts as gone: well past two, of which one may fail. */
export const unusedAfterSeconds = 120;
export const forgottenAfterSeconds = 86_400;

const latestUpkeepMs = 1.5 * upkeepMs;
if (claimMs <= latestUpkeepMs + upkeepTimeoutMs) {
  throw new RangeError('a process must record its Redis anew before its word is over');
}
if (unusedAfterSeconds * 1_000 <= Math.max(claimMs, 2 * latestUpkeepMs + upkeepTimeoutMs)) {
  throw new RangeError('nobody may count as gone who goes by its word, or has missed one upkeep');
}
if (forgottenAfterSeconds <= unusedAfterSeconds) {
  throw new RangeError('what is forgotten must have been unused before');
}
