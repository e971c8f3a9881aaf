export type { BreakerWindow } from '../config/breaker-window.ts';
export type { Phase } from '../errors/driver-fault.ts';
export type { ConnectionAfter, FailureKind, Repeat } from '../errors/server-codes.ts';
export type { Priority } from './admission/priority.ts';
export type { GuardState } from './breaker/breaker.ts';
export type { CockatielPolicy } from './cockatiel-policy.ts';
export {
  createGuard,
  type Guard,
  type GuardOptions,
  type GuardPolicyOptions,
  type GuardRunOptions,
} from './create-guard.ts';
export type { GuardSnapshot } from './guard.ts';
export { type Classification, classifyError, isServerFailure } from './retry/classify.ts';
