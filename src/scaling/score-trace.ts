import { ConfigError, type Problem } from '../errors/config-error.ts';
import type { LoadTrace } from './load-trace.ts';
import type { ScalingPolicy } from './policies.ts';

/**
 * What instances carry, how long they take to be there, and how much of a trace is only learned from.
 *
 * @example
 * const score = scoreTrace(trace, rulePolicy(400), {
 *   maxLoadPerInstance: 400, leadTimeMs: 600_000, warmUpSteps: 7 * 1_440,
 * });
 */
export interface ScoreOptions {
  /** What one instance carries, in the unit of the trace. */
  readonly maxLoadPerInstance: number;
  /** Milliseconds from asking for an instance to its first call. */
  readonly leadTimeMs: number;
  /** Steps that the policy sees before scoring begins: what it learns from and is not judged by. Default 0. */
  readonly warmUpSteps?: number | undefined;
}

/**
 * What a policy would have done to a trace.
 *
 * @see {@link scoreTrace}
 */
export interface TraceScore {
  readonly policy: string;
  /** Hours of instances, those included that were starting. */
  readonly instanceHours: number;
  /** Share of the scored steps in which the load was more than the serving instances carry. */
  readonly overloadedShare: number;
  readonly overloadedSteps: number;
  readonly scoredSteps: number;
  /** Share of the load that was above what the serving instances carry. */
  readonly droppedShare: number;
  /** How often the number of instances was changed. */
  readonly changes: number;
  /** Serving instances at each scored step. */
  readonly serving: Float64Array;
}

/**
 * Replays a trace against a policy: instances that are asked for serve after the lead time and are paid from the
 * beginning; those that are given up stop at once, the starting ones first. O(steps) and what the policy takes.
 *
 * A policy remembers what it saw: give each trace a new one.
 *
 * @throws ConfigError when an option is out of range, the trace holds what is no load, the warm-up leaves nothing to score, or the policy says what is no
 * number of instances.
 *
 * @example
 * const score = scoreTrace(trace, rulePolicy(400), { maxLoadPerInstance: 400, leadTimeMs: 600_000 });
 * score.overloadedShare;
 */
export function scoreTrace(
  trace: LoadTrace,
  policy: ScalingPolicy,
  options: ScoreOptions,
): TraceScore {
  const { maxLoadPerInstance, leadTimeMs, warmUpSteps = 0 } = options;
  checkOptions(trace, options);
  const { loads, stepMs, startMs } = trace;
  const leadSteps = Math.ceil(leadTimeMs / stepMs);
  const fleet = new Fleet(leadSteps);
  const serving = new Float64Array(loads.length - warmUpSteps);
  const sum = { paid: 0, overloaded: 0, dropped: 0, load: 0, changes: 0 };
  for (let step = 0; step < loads.length; step++) {
    const load = loads[step] ?? 0;
    fleet.advance(step);
    const wanted = policy.decide(load, startMs + step * stepMs, Math.max(1, fleet.serving));
    if (!Number.isSafeInteger(wanted) || wanted < 0) throw noNumber(policy, step, wanted);
    if (step === 0) fleet.begin(wanted);
    const isChanged = fleet.resize(wanted, step);
    if (step < warmUpSteps) continue;
    const carried = fleet.serving * maxLoadPerInstance;
    serving[step - warmUpSteps] = fleet.serving;
    sum.paid += fleet.paid;
    sum.load += load;
    sum.changes += isChanged ? 1 : 0;
    if (load > carried * (1 + roundingNoise)) {
      sum.overloaded++;
      sum.dropped += load - carried;
    }
  }
  const scoredSteps = serving.length;
  return {
    policy: policy.name,
    instanceHours: (sum.paid * stepMs) / 3_600_000,
    overloadedShare: sum.overloaded / scoredSteps,
    overloadedSteps: sum.overloaded,
    scoredSteps,
    droppedShare: sum.load === 0 ? 0 : sum.dropped / sum.load,
    changes: sum.changes,
    serving,
  };
}

const roundingNoise = 1e-9;

function noNumber({ name }: ScalingPolicy, step: number, wanted: number): ConfigError {
  const message = `must be a whole number of instances, not ${wanted} at step ${step}`;
  return new ConfigError('The trace cannot be scored', [{ path: `policy '${name}'`, message }]);
}

/** Instances that serve, and those on their way. */
class Fleet {
  readonly #leadSteps: number;
  readonly #starting: { readonly from: number; count: number }[] = [];
  #onTheWay = 0;
  serving = 0;

  constructor(leadSteps: number) {
    this.#leadSteps = leadSteps;
  }

  get paid(): number {
    return this.serving + this.#onTheWay;
  }

  begin(instances: number): void {
    this.serving = instances;
  }

  advance(step: number): void {
    for (
      let next = this.#starting[0];
      next !== undefined && next.from <= step;
      next = this.#starting[0]
    ) {
      this.serving += next.count;
      this.#onTheWay -= next.count;
      this.#starting.shift();
    }
  }

  resize(wanted: number, step: number): boolean {
    const more = wanted - this.paid;
    if (more === 0) return false;
    if (more > 0) this.#start(more, step);
    else this.#stop(-more);
    return true;
  }

  #start(count: number, step: number): void {
    if (this.#leadSteps === 0) {
      this.serving += count;
      return;
    }
    this.#starting.push({ from: step + this.#leadSteps, count });
    this.#onTheWay += count;
  }

  #stop(count: number): void {
    let left = count;
    for (
      let last = this.#starting.at(-1);
      last !== undefined && left > 0;
      last = this.#starting.at(-1)
    ) {
      const stopped = Math.min(left, last.count);
      last.count -= stopped;
      this.#onTheWay -= stopped;
      left -= stopped;
      if (last.count === 0) this.#starting.pop();
    }
    this.serving -= left;
  }
}

function checkOptions(trace: LoadTrace, options: ScoreOptions): void {
  const { maxLoadPerInstance, leadTimeMs, warmUpSteps = 0 } = options;
  const problems: Problem[] = [];
  if (!(trace.stepMs > 0 && Number.isFinite(trace.startMs + trace.stepMs))) {
    const message = `must be of steps after a start, not of ${trace.stepMs} ms from ${trace.startMs}`;
    problems.push({ path: 'trace', message });
  }
  const odd = trace.loads.findIndex((load) => !(load >= 0 && Number.isFinite(load)));
  if (odd >= 0) {
    const message = `must be a finite number, at least 0, not ${trace.loads[odd]}`;
    problems.push({ path: `trace.loads[${odd}]`, message });
  }
  if (!(maxLoadPerInstance > 0 && Number.isFinite(maxLoadPerInstance))) {
    problems.push({
      path: 'maxLoadPerInstance',
      message: `must be a finite number above 0, not ${maxLoadPerInstance}`,
    });
  }
  if (!(leadTimeMs >= 0 && Number.isFinite(leadTimeMs))) {
    problems.push({
      path: 'leadTimeMs',
      message: `must be a finite number, at least 0, not ${leadTimeMs}`,
    });
  }
  if (!Number.isSafeInteger(warmUpSteps) || warmUpSteps < 0 || warmUpSteps >= trace.loads.length) {
    problems.push({
      path: 'warmUpSteps',
      message: `must be a whole number below the ${trace.loads.length} steps of the trace, not ${warmUpSteps}`,
    });
  }
  if (problems.length > 0) throw new ConfigError('The trace cannot be scored', problems);
}
