import type { Session } from '../mysql/server/session.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Shard } from '../topology/topology.ts';
import type { Executor } from './executor.ts';

/** What it takes to ask shards. */
export interface Asking {
  readonly executor: Executor;
  readonly deadline: Deadline;
}

/** Asks a shard's primary; asked again where the answer is lost. */
export function onPrimary<T>(
  { executor, deadline }: Asking,
  shard: Shard,
  run: (session: Session, deadline: Deadline) => Promise<T>,
): Promise<T> {
  return executor.run([shard.primary], {
    access: 'read',
    deadline,
    run: (session) => run(session, deadline),
  });
}
