import type { ClusterPlan, StartedServers } from './cluster-plan.ts';
import { TestingError } from './testing-error.ts';

export function startContainerCluster(_plan: ClusterPlan): Promise<StartedServers> {
  return Promise.reject(new TestingError('not yet'));
}
