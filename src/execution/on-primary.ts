import type { Session } from '../mysql/server/session.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Shard } from '../topology/topology.ts';
import type { Executor } from './executor.ts';

/** What it takes to ask shards. */
export interface Asking {
  readonly executor: Executor;
  readonly deadline: Deadline;
}

type Run<T> = (session: Session, deadline: Deadline) => Promise<T>;

/** Asks a shard's primary; asked again where the answer is lost. */
export function onPrimary<T>(asking: Asking, { primary }: Shard, run: Run<T>): Promise<T> {
  const { executor, deadline } = asking;
  return executor.run([primary], {
    access: 'read',
    deadline,
    run: (session) => run(session, deadline),
  });
}

/** Changes something on a shard's primary; done again where the answer is lost, which must change nothing more. */
export function changePrimary<T>(asking: Asking, { primary }: Shard, run: Run<T>): Promise<T> {
  const { executor, deadline } = asking;
  return executor.run([primary], {
    access: 'write',
    isRepeatable: true,
    deadline,
    run: (session) => run(session, deadline),
  });
}
