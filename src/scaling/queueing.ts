/**
 * The probability that a call finds all servers busy: Erlang's C. O(servers).
 *
 * Source: A. K. Erlang 1917; by the recurrence of Erlang's B, which does not overflow.
 *
 * @param offered calls at work on average: arrivals times service time. At least `servers`: 1.
 */
export function erlangC(servers: number, offered: number): number {
  if (offered >= servers) return 1;
  let blocked = 1;
  for (let n = 1; n <= servers; n++) blocked = (offered * blocked) / (n + offered * blocked);
  return blocked / (1 - (offered / servers) * (1 - blocked));
}

/** What calls may wait for, and how an instance serves them. The load is in calls a second. */
export interface LatencyTarget {
  /** Milliseconds within which a call is to be answered, waiting included. Above `serviceMs`. */
  readonly targetMs: number;
  /** Milliseconds that a call takes once it is served. */
  readonly serviceMs: number;
  /** Calls that one instance serves at once: workers, connections, whatever runs out first. */
  readonly slotsPerInstance: number;
  /** Share of the calls that are to be in time, 0 to 1. Default 0.99. */
  readonly share?: number | undefined;
}

/** The fewest instances that keep a latency target at a load, as an M/M/c queue. O(log(n) · n · slots). */
export function instancesForLatency(callsPerSecond: number, target: LatencyTarget): number {
  const { targetMs, serviceMs, slotsPerInstance, share = 0.99 } = target;
  const offered = (callsPerSecond * serviceMs) / 1_000;
  const isEnough = (instances: number) => {
    const servers = instances * slotsPerInstance;
    if (offered >= servers) return false;
    const late =
      erlangC(servers, offered) *
      Math.exp((-(servers - offered) * (targetMs - serviceMs)) / serviceMs);
    return late <= 1 - share;
  };
  let high = Math.max(1, Math.ceil(offered / slotsPerInstance));
  while (!isEnough(high)) high *= 2;
  let low = 0;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isEnough(middle)) high = middle;
    else low = middle;
  }
  return high;
}
