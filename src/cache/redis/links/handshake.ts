import { UnavailableError } from '../../../errors/database-error.ts';
import type { Deadline } from '../../../resilience/time/deadline.ts';
import { sleepsSoFar } from '../../memory/coarse-clock.ts';
import { allScripts, trialScript } from '../lease-scripts.ts';
import type { RedisIdentity } from '../redis-identity.ts';
import { cureOf } from './reconnection.ts';
import type { RedisNode } from './redis-client.ts';

/** What a server says of itself. */
export interface Greeted {
  /** Names it in its present run and since it became a master. */
  readonly server: string;
  readonly tenure: string;
  readonly askedAtMs: number;
  /** Sleeps of this process before it was asked. */
  readonly sleeps: number;
}

/** The server does not do what is needed, and will not at the next attempt: what is to be done is in the message. */
export class UnfitServer extends Error {}

/** Learns who a server is, before it is used. */
export class Handshake {
  readonly #settleMs: number;
  readonly #identity: RedisIdentity | undefined;
  /** The run that was seen last, since when. */
  #seen = { run: '', sinceMs: 0 };

  constructor(settleMs: number, identity: RedisIdentity | undefined) {
    this.#settleMs = settleMs;
    this.#identity = identity;
  }

  /**
   * Tells a server the scripts, and asks who it is. Undefined when the connection must be opened once
   * more: whoever named this server may name another by now.
   *
   * @throws {UnfitServer} when the server will not do.
   */
  async shake(client: RedisNode, patience: Deadline): Promise<Greeted | undefined> {
    const [info] = await patience.race(
      Promise.all([
        client.info('server'),
        ...allScripts.map(({ text }) => client.script('LOAD', text)),
      ]),
    );
    // Renamed or forbidden it would be missed by the first invalidation only.
    await patience.race(client.evalsha(trialScript.sha, 0));
    if (!(await this.#hasSettled(info, patience))) return undefined;
    if (this.#identity !== undefined && !(await patience.race(this.#identity.admits(client)))) {
      throw new UnfitServer(this.#identity.refusal);
    }
    const sleeps = sleepsSoFar();
    const askedAtMs = performance.now();
    const replication = await patience.race(client.info('replication'));
    const run = runOf(info);
    const tenure = tenureOf(replication);
    if (run === undefined) throw new UnfitServer(cureOf('the server does not say its run_id'));
    if (tenure === undefined) throw new UnavailableError('The server is no master (any more).');
    return { server: `${run}${tenure.slice(0, 8)}`, tenure, askedAtMs, sleeps };
  }

  /** Whether the server was there before; waits until it could have been left by all others. */
  async #hasSettled(info: string, patience: Deadline): Promise<boolean> {
    const settleMs = this.#settleMs;
    const run = runOf(info) ?? '';
    const seenForMs = this.#seen.run === run ? performance.now() - this.#seen.sinceMs : 0;
    this.#seen = { run, sinceMs: performance.now() };
    if (settleMs === 0 || (seenForMs >= settleMs && seenForMs < settleMs + openingMs)) return true;
    await patience.pause(settleMs);
    return false;
  }
}

/** A connection that is not ready by then is opened anew. */
export const openingMs = 1_500;

function runOf(info: string): string | undefined {
  return /run_id:(\w{8})/.exec(info)?.[1];
}

/** Names the time since a server became a master; undefined when it is none. */
export function tenureOf(replication: string): string | undefined {
  return /^role:master\r?$/m.test(replication)
    ? /master_replid:(\w{8,})/.exec(replication)?.[1]
    : undefined;
}
