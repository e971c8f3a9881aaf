/**
 * The times of relocation that must agree, since movers, readers and writers in different processes rely on
 * each other's. They are part of the protocol: processes of two versions run beside each other.
 */

/**
 * Milliseconds for which what was read of a shard's departures holds. A mover announces itself and
 * then waits as long before it moves anything, so who read before the announcement is safe as long.
 */
export const knowledgeMs = 500;

/** After so many milliseconds everybody has heard of what was recorded: clocks may run a little differently. */
export const heardByAllMs = knowledgeMs + 50;

/** A mover may take so long before others take it for dead. */
export const moverLifeMs = 15_000;

/** What has cut over, or is being reversed, is finished in a moment by who did it. */
export const finishingMs = 3_000;

if (heardByAllMs <= knowledgeMs) throw new RangeError('a mover must outwait what others know');
if (moverLifeMs <= finishingMs + heardByAllMs) throw new RangeError('a mover must live to finish');
