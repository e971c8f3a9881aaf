/**
 * The probability that a call finds all servers busy: Erlang's C. O(servers), and O(1) past 5,000 of them.
 *
 * Source: A. K. Erlang 1917; by the recurrence of Erlang's B, which does not overflow. Of many servers the limit of
 * S. Halfin and W. Whitt, "Heavy-Traffic Limits for Queues with Many Exponential Servers", 1981.
 *
 * @param offered calls at work on average: arrivals times service time. At least `servers`: 1.
 */
export function erlangC(servers: number, offered: number): number {
  if (offered >= servers) return 1;
  if (servers > countedServers) return manyServers((servers - offered) / Math.sqrt(offered));
  let blocked = 1;
  for (let n = 1; n <= servers; n++) blocked = (offered * blocked) / (n + offered * blocked);
  return blocked / (1 - (offered / servers) * (1 - blocked));
}

const countedServers = 5_000;

function manyServers(slack: number): number {
  const density = Math.exp((-slack * slack) / 2) / Math.sqrt(2 * Math.PI);
  return 1 / (1 + (slack * normalShare(slack)) / density);
}

/** The share of a normal distribution below a value. Source: M. Abramowitz and I. Stegun 1964, 26.2.17. */
function normalShare(value: number): number {
  const t = 1 / (1 + 0.231_641_9 * value);
  const sum =
    t *
    (0.319_381_53 +
      t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
  return 1 - (Math.exp((-value * value) / 2) / Math.sqrt(2 * Math.PI)) * sum;
}

/**
 * What calls may wait for, and how an instance serves them. The load is in calls a second.
 *
 * @example
 * const latency: LatencyTarget = { targetMs: 50, serviceMs: 8, slotsPerInstance: 10 };
 * createScaler({ maxLoadPerInstance: 400, leadTimeMs: 600_000, latency });
 */
export interface LatencyTarget {
  /** Milliseconds for waiting and service: a call may wait for `targetMs` less `serviceMs`. Above `serviceMs`. */
  readonly targetMs: number;
  /** Milliseconds that a call takes once it is served. */
  readonly serviceMs: number;
  /** Calls that one instance serves at once: workers, connections, whatever runs out first. */
  readonly slotsPerInstance: number;
  /** Share of the calls that wait no longer, 0 to 1. Default 0.99. */
  readonly share?: number | undefined;
}

/**
 * The fewest instances with which calls wait no longer than a target lets them, as an M/M/c queue; `most` + 1 where
 * that takes more. O(log(most) · 5,000).
 */
export function instancesForLatency(
  callsPerSecond: number,
  target: LatencyTarget,
  most = Number.MAX_SAFE_INTEGER / target.slotsPerInstance,
): number {
  const { targetMs, serviceMs, slotsPerInstance, share = 0.99 } = target;
  const offered = (callsPerSecond * serviceMs) / 1_000;
  const isEnough = (instances: number) => {
    const servers = instances * slotsPerInstance;
    if (offered >= servers) return false;
    const waits = Math.exp((-(servers - offered) * (targetMs - serviceMs)) / serviceMs);
    return erlangC(servers, offered) * waits <= 1 - share;
  };
  if (!isEnough(most)) return Math.floor(most) + 1;
  let low = 0;
  let high = Math.min(Math.floor(most), Math.max(1, Math.ceil(offered / slotsPerInstance)));
  while (!isEnough(high)) {
    low = high;
    high = Math.min(Math.floor(most), high * 2);
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isEnough(middle)) high = middle;
    else low = middle;
  }
  return high;
}
