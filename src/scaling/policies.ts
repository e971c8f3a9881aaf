import { requiredInstances } from './required-instances.ts';
import { Planner } from './scaler.ts';
import { readScalerOptions, type ScalerOptions } from './scaler-options.ts';

/**
 * Something that says how many instances there should be, from what it has seen of a load: new for each trace.
 *
 * @example
 * const two: ScalingPolicy = { name: 'two', decide: () => 2 };
 * scoreTrace(trace, two, { maxLoadPerInstance: 400, leadTimeMs: 600_000 });
 */
export interface ScalingPolicy {
  readonly name: string;
  /** Called once a step, with the load then and the instances that serve. Returns how many are wanted. */
  decide(load: number, atMs: number, serving: number): number;
}

/**
 * So many at all times: with the peak that hindsight knows, what provisioning for peak costs.
 *
 * @example
 * scoreTrace(trace, staticPolicy(12), { maxLoadPerInstance: 400, leadTimeMs: 600_000 });
 */
export function staticPolicy(instances: number): ScalingPolicy {
  return { name: `static ${instances}`, decide: () => instances };
}

/**
 * `ceil(load × headroom / maxLoadPerInstance)`, at every step.
 *
 * @example
 * scoreTrace(trace, rulePolicy(400, 1.3), { maxLoadPerInstance: 400, leadTimeMs: 600_000 });
 */
export function rulePolicy(maxLoadPerInstance: number, headroom = 1.2): ScalingPolicy {
  return {
    name: `rule ${headroom}`,
    decide: (load) => requiredInstances(load, { maxLoadPerInstance, headroom }),
  };
}

/**
 * The Kubernetes Horizontal Pod Autoscaler with its defaults: `ceil(replicas × metric / target)`, none within a tenth of
 * the target; up by 4 or 100 % in 15 s, whichever is more, down to the greatest number wanted in five minutes. The
 * metric is load an instance, as a share of `maxLoadPerInstance`, and saturates at 1; instances that are starting count as
 * idle when it would scale up.
 *
 * Source: kubernetes.io, "Horizontal Pod Autoscaling", algorithm details and default behaviour.
 *
 * @param target share of what an instance carries, 0 to 1. Default 0.7.
 *
 * @example
 * scoreTrace(trace, hpaPolicy(400), { maxLoadPerInstance: 400, leadTimeMs: 600_000 });
 */
export function hpaPolicy(maxLoadPerInstance: number, target = 0.7): ScalingPolicy {
  const wanted: { atMs: number; instances: number }[] = [];
  let replicas = 0;
  let lastMs = Number.NaN;
  return {
    name: `HPA ${target}`,
    decide(load, atMs, serving) {
      replicas = Math.max(replicas, serving);
      const periods = Number.isNaN(lastMs) ? 1 : Math.max(1, Math.round((atMs - lastMs) / 15_000));
      lastMs = atMs;
      const raw = rawReplicas(load / maxLoadPerInstance, serving, replicas, target);
      wanted.push({ atMs, instances: raw });
      while ((wanted[0]?.atMs ?? atMs) < atMs - 300_000) wanted.shift();
      const stable =
        raw >= replicas ? raw : Math.min(replicas, Math.max(...wanted.map((one) => one.instances)));
      let most = replicas;
      for (let n = 0; n < periods && most < stable; n++) most = Math.max(most * 2, most + 4);
      replicas = Math.min(stable, most);
      return replicas;
    },
  };
}

const tolerance = 0.1;

function rawReplicas(load: number, serving: number, replicas: number, target: number): number {
  const used = Math.min(serving, load);
  const ratio = used / serving / target;
  if (Math.abs(ratio - 1) <= tolerance) return replicas;
  if (ratio < 1) return Math.max(1, Math.ceil(ratio * serving));
  const counted = used / replicas / target;
  return counted <= 1 + tolerance ? replicas : Math.ceil(counted * replicas);
}

/**
 * A {@link createScaler} of its own. @throws ConfigError
 *
 * @example
 * scoreTrace(trace, scalerPolicy({ maxLoadPerInstance: 400, leadTimeMs: 600_000 }), {
 *   maxLoadPerInstance: 400, leadTimeMs: 600_000,
 * });
 */
export function scalerPolicy(options: ScalerOptions): ScalingPolicy {
  const planner = new Planner(readScalerOptions(options));
  return {
    name: 'scaler',
    decide(load, atMs) {
      planner.observe(load, atMs);
      return planner.plan(atMs).instances;
    },
  };
}
