export type { BreakerWindow } from '../config/breaker-window.ts';
export type { GuardState } from './breaker.ts';
export type { Priority } from './call-queue.ts';
export { type Classification, classifyError, type FailureKind } from './classify.ts';
export {
  createGuard,
  type Guard,
  type GuardOptions,
  type GuardRunOptions,
} from './create-guard.ts';
export type { GuardSnapshot } from './guard.ts';
