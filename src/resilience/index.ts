export { type Classification, classifyError, type FailureKind } from './classify.ts';
export {
  createGuard,
  type Guard,
  type GuardOptions,
  type GuardRunOptions,
} from './create-guard.ts';
export type { GuardState } from './guard.ts';
