import type { RedisServer } from '../runners/server.ts';
import { TestingError } from '../testing-error.ts';

/**
 * Refuses what could only end by running out of time.
 *
 * @param group The master and its replicas.
 * @throws TestingError when the master does not run, or no replica does.
 */
export function checkFailover(master: RedisServer, group: readonly RedisServer[]): void {
  const { name, state } = master;
  const context = { server: name, state };
  if (state !== 'running') {
    throw new TestingError(
      `Master '${name}' is ${state}, and failover() needs one that runs. replacementOf() waits for what the servers do by themselves.`,
      { context },
    );
  }
  if (group.length === 1) {
    throw new TestingError(`Master '${name}' has no replica. Start with 'replicas: 1'.`, {
      context,
    });
  }
  if (group.some((server) => server !== master && server.state === 'running')) return;
  throw new TestingError(`No replica of '${name}' runs. Call restart() or resume() on one first.`, {
    context,
  });
}
