/** `meridian/scaling`: how many instances the load needs, now and when they will be there. */
export { capacityChart, capacityReport, type MeasuredFleet } from './capacity-report.ts';
export type { Cap, ConnectionBudget } from './limits.ts';
export { type LoadSample, type LoadTrace, loadTrace, parseTrace } from './load-trace.ts';
export {
  type CapacityOptions,
  type CapacityStep,
  type MeasuredLimit,
  measureCapacity,
} from './measure-capacity.ts';
export {
  hpaPolicy,
  rulePolicy,
  type ScalingPolicy,
  scalerPolicy,
  staticPolicy,
} from './policies.ts';
export type { LatencyTarget } from './queueing.ts';
export type { Recommendation } from './recommendation.ts';
export { type RequiredInstancesOptions, requiredInstances } from './required-instances.ts';
export {
  capacityOf,
  fitScalability,
  kneeOf,
  type MeasuredCapacity,
  type ScalabilityLaw,
} from './scalability.ts';
export { createScaler, type Scaler } from './scaler.ts';
export {
  type ScalerEndpoint,
  type ScalerEndpointOptions,
  type ScalingRequest,
  type ScalingResponse,
  scalerEndpoint,
} from './scaler-endpoint.ts';
export type { ScalerOptions } from './scaler-options.ts';
export { type ScoreOptions, scoreTrace, type TraceScore } from './score-trace.ts';
export { type TraceChartOptions, traceChart } from './trace-chart.ts';
