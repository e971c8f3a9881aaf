import type { ConsulTopologyConfig } from '../config/consul-options.ts';
import { ConfigError } from '../errors/config-error.ts';
import { UnavailableError } from '../errors/database-error.ts';
import type { Answer, ConsulAgent } from './agent.ts';
import { indexAfter } from './index-rules.ts';
import { pause } from './pauses.ts';

/** What one path held, at an index of Consul's. */
export interface Reading {
  /** Undefined: there is nothing under it. */
  readonly text: string | undefined;
  readonly index: number;
}

export interface QueryConfig extends Pick<ConsulTopologyConfig, 'stale' | 'waitMs' | 'timeoutMs'> {
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Where the options name it, for messages. */
  readonly name: string;
}

/** Milliseconds between two questions at least, however fast it changes: what is between is not missed, only skipped. */
const leastMs = 100;
/** Where Consul gives no index that could be waited for, it is asked anew after so many. */
const withoutIndexMs = 1_000;

/**
 * Reads a path once, at once.
 *
 * @throws {UnavailableError} when Consul can't be asked; {@link ConfigError} when it refuses.
 */
export async function readOnce(
  agent: ConsulAgent,
  { path, query, stale, timeoutMs, name }: QueryConfig,
  signal: AbortSignal | undefined,
): Promise<Reading> {
  const flags = stale ? { stale: '' } : {};
  const answer = await agent.ask({ path, query: { ...query, ...flags }, timeoutMs, signal });
  return readingOf(answer, 0, name);
}

/**
 * Gives what a path holds, first as it is and then whenever it has changed. Every failure is thrown: the question
 * is not continued but begun anew, since what changed meanwhile is not known.
 */
export async function* readings(
  agent: ConsulAgent,
  { path, query, stale, waitMs, timeoutMs, name }: QueryConfig,
  signal: AbortSignal,
): AsyncGenerator<Reading> {
  const flags = stale ? { stale: '' } : {};
  let index = 0;
  for (;;) {
    const begunAt = performance.now();
    const blocking = index > 0 ? { index: String(index), wait: `${waitMs}ms` } : {};
    // Consul spreads the ends of its waits over a sixteenth.
    const patienceMs = index > 0 ? waitMs + waitMs / 16 + timeoutMs : timeoutMs;
    const question = { path, query: { ...query, ...flags, ...blocking }, timeoutMs: patienceMs };
    const answer = await agent.ask({ ...question, timeoutMs: Math.ceil(patienceMs), signal });
    const reading = readingOf(answer, index, name);
    // One whose index went back may be of a server that was restored: it is read again before it is believed.
    const isBack = index > 0 && reading.index === 0;
    index = reading.index;
    if (!isBack) yield reading;
    const apartMs = index === 0 && !isBack ? withoutIndexMs : leastMs;
    const restMs = apartMs - (performance.now() - begunAt);
    if (restMs > 0) await pause(restMs, signal);
  }
}

function readingOf(
  { status, index, isFiltered, text }: Answer,
  before: number,
  name: string,
): Reading {
  if (isFiltered) {
    const message =
      'hides a part from its token; let its policy read the service and its nodes (node_prefix "")';
    throw new ConfigError('Consul refuses', [{ path: name, message }]);
  }
  if (status === 200) return { text, index: indexAfter(before, index) };
  if (status === 404) return { text: undefined, index: indexAfter(before, index) };
  if (status >= 500 || status === 429) {
    throw new UnavailableError(`Consul answers ${status} for ${name}`);
  }
  throw new ConfigError('Consul refuses', [{ path: name, message: refusal(status) }]);
}

function refusal(status: number): string {
  if (status === 403)
    return 'is not allowed by its token (403); let its policy read the key and the service';
  if (status >= 300 && status < 400)
    return `is redirected (${status}), which is not followed; give the URL of an agent`;
  return `is answered with ${status}`;
}
