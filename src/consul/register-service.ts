import { hostname } from 'node:os';
import {
  type ConsulServiceConfig,
  type ConsulServiceOptions,
  readConsulServiceOptions,
} from '../config/consul-options.ts';
import { UnavailableError } from '../errors/database-error.ts';
import { ConsulAgent } from './agent.ts';
import { pause, pauseMs } from './pauses.ts';

/**
 * A service that Consul knows.
 *
 * @see {@link registerService}
 */
export interface ConsulService {
  /** Tells it from other instances. */
  readonly id: string;
  /** Takes it out of the catalog. Never rejects: what Consul can't be told, it finds out by the TTL. */
  close(): Promise<void>;
  /** `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

const maxAnswerBytes = 64 * 1024;

/**
 * Registers this process with the agent of Consul, with a check by TTL, and tells it how it fares until `close()`.
 * An agent that starts anew and has forgotten it is told again. Keeps no process alive.
 *
 * @throws {ConfigError} when the options make no sense; {@link UnavailableError} when the agent can't be
 * told the first time: nothing is registered then.
 *
 * @example
 * const service = await registerService({ name: 'checkout', port: 8080, isHealthy: () => data.health().ready });
 * await service.close();
 */
export async function registerService(options: ConsulServiceOptions): Promise<ConsulService> {
  const registration = new Registration(readConsulServiceOptions(options));
  await registration.begin();
  const close = () => registration.close();
  return Object.freeze({ id: registration.id, close, [Symbol.asyncDispose]: close });
}

class Registration {
  readonly id: string;
  readonly #config: ConsulServiceConfig;
  readonly #agent: ConsulAgent;
  readonly #closing = new AbortController();
  #telling: Promise<void> = Promise.resolve();

  constructor(config: ConsulServiceConfig) {
    const { name, id, port } = config;
    this.#config = config;
    this.#agent = new ConsulAgent(config, maxAnswerBytes);
    this.id = id ?? [name, hostname(), port].filter((part) => part !== undefined).join('-');
  }

  async begin(): Promise<void> {
    await this.#register();
    this.#telling = this.#tell();
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return this.#telling;
    this.#closing.abort();
    this.#telling = this.#telling.then(() => this.#leave());
    return this.#telling;
  }

  /** How it fares, three times a TTL; sooner after a failure, so that one lost message does no harm. */
  async #tell(): Promise<void> {
    const { signal } = this.#closing;
    const restMs = this.#config.ttlMs / 3;
    let failures = 0;
    while (!signal.aborted) {
      try {
        await this.#update(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        this.#fault(error);
      }
      const pausedMs = failures === 0 ? restMs : Math.min(restMs, pauseMs(failures, Math.random));
      await pause(pausedMs, signal).catch(() => undefined);
    }
  }

  async #update(signal: AbortSignal): Promise<void> {
    const status = (await this.#isHealthy()) ? 'passing' : 'critical';
    const path = `/v1/agent/check/update/${encodeURIComponent(`service:${this.id}`)}`;
    const body = JSON.stringify({ Status: status });
    const { timeoutMs } = this.#config;
    const answer = await this.#agent.ask({ method: 'PUT', path, body, timeoutMs, signal });
    if (answer.status === 200) return;
    // 404, and 500 before Consul 1.11: the agent knows no such check, since it was started anew.
    if (answer.status === 404 || answer.status === 500) await this.#register();
    else throw refused(answer.status);
  }

  async #register(): Promise<void> {
    const { name, address, port, tags, meta, ttlMs, deregisterAfterMs, timeoutMs } = this.#config;
    const isHealthy = await this.#isHealthy();
    const body = JSON.stringify({
      ID: this.id,
      Name: name,
      Address: address,
      Port: port,
      Tags: tags,
      Meta: meta,
      Check: {
        CheckID: `service:${this.id}`,
        TTL: `${ttlMs}ms`,
        Status: isHealthy ? 'passing' : 'critical',
        DeregisterCriticalServiceAfter: `${deregisterAfterMs}ms`,
      },
    });
    const path = '/v1/agent/service/register';
    const { status } = await this.#agent.ask({ method: 'PUT', path, body, timeoutMs });
    if (status !== 200) throw refused(status);
  }

  async #leave(): Promise<void> {
    const path = `/v1/agent/service/deregister/${encodeURIComponent(this.id)}`;
    const { timeoutMs } = this.#config;
    try {
      const { status } = await this.#agent.ask({ method: 'PUT', path, timeoutMs });
      if (status !== 200 && status !== 404) throw refused(status);
    } catch (error) {
      this.#fault(error);
    }
  }

  /** One that can't say how it fares, or not in time, is not well; one that is closing has nothing more to say. */
  #isHealthy(): Promise<boolean> {
    const { isHealthy, timeoutMs } = this.#config;
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      const end = (isWell: boolean) => {
        clearTimeout(late);
        signal.removeEventListener('abort', giveUp);
        resolve(isWell);
      };
      const giveUp = () => end(false);
      const late = setTimeout(giveUp, timeoutMs);
      late.unref();
      signal.addEventListener('abort', giveUp);
      Promise.resolve().then(isHealthy).then(end, giveUp);
    });
  }

  #fault(error: unknown): void {
    try {
      this.#config.onFault(error instanceof Error ? error : refused(0));
    } catch {
      // A listener that fails must not end what it listens to.
    }
  }
}

function refused(status: number): UnavailableError {
  const reason =
    status === 403 ? 'its token may not register the service (403)' : `it answers ${status}`;
  return new UnavailableError(`Consul was not told of this service: ${reason}`);
}
