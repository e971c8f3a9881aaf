import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type ConsulConfig, tokenText } from '../config/consul-options.ts';
import { ConfigError } from '../errors/config-error.ts';
import { UnavailableError } from '../errors/database-error.ts';
import { Certificates } from '../tls/certificates.ts';

/** What Consul is asked. */
export interface Question {
  readonly method?: 'GET' | 'PUT';
  /** Behind the URL's own path: `/v1/kv/meridian/topology`, encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: string;
  /** Milliseconds in which the whole answer must be there. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  /** The header X-Consul-Index, whatever it holds. */
  readonly index: string | undefined;
  /** Whether Consul left out what the token may not see. */
  readonly isFiltered: boolean;
  readonly text: string;
}

/** Of a timer. */
const longestMs = 2 ** 31 - 1;

/** The agent of Consul that is asked, over HTTP. Redirects are not followed: they would take the token elsewhere. */
export class ConsulAgent {
  readonly #config: ConsulConfig;
  readonly #certificates: Certificates | undefined;
  readonly #maxBytes: number;

  /**
   * @param maxBytes an answer that is longer is refused while it is read.
   * @throws {ConfigError} when certificates can't be used.
   */
  constructor(config: ConsulConfig, maxBytes: number) {
    this.#config = config;
    this.#maxBytes = maxBytes;
    if (config.url.protocol === 'https:') {
      // One question fails, and so it is told; the next goes by what fitted last.
      this.#certificates = new Certificates(config.tls, 'tls', (fault) => {
        throw fault;
      });
    }
  }

  /**
   * @throws {UnavailableError} when there is no whole answer in time; {@link ConfigError} when it is too long, or there is
   * no token to ask with; the signal's reason.
   */
  async ask(question: Question): Promise<Answer> {
    const { signal, timeoutMs } = question;
    signal?.throwIfAborted();
    // The signal lives as long as the data layer: Node 20 would keep a trace in it of each AbortSignal.any.
    const asking = new AbortController();
    const stop = () => asking.abort();
    const late = setTimeout(stop, Math.min(timeoutMs, longestMs));
    late.unref();
    signal?.addEventListener('abort', stop);
    try {
      const response = await this.#send(question, asking.signal);
      const text = await this.#read(response);
      const { 'x-consul-index': index } = response.headers;
      return {
        status: response.statusCode ?? 0,
        index: Array.isArray(index) ? index[0] : index,
        isFiltered: response.headers['x-consul-results-filtered-by-acls'] === 'true',
        text,
      };
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ConfigError) throw error;
      const reason = asking.signal.aborted
        ? `no whole answer within ${timeoutMs} ms`
        : reasonOf(error);
      throw new UnavailableError(
        `Consul at ${this.#config.url.origin} can not be asked: ${reason}`,
      );
    } finally {
      clearTimeout(late);
      signal?.removeEventListener('abort', stop);
    }
  }

  async #send(question: Question, signal: AbortSignal): Promise<IncomingMessage> {
    const { method = 'GET', body } = question;
    const url = this.#urlOf(question);
    const options: RequestOptions = { method, headers: this.#headers(), signal, agent: false };
    const certificates = this.#certificates?.forConnection();
    return new Promise((resolve, reject) => {
      const request =
        certificates === undefined
          ? httpRequest(url, options, resolve)
          : httpsRequest(url, { ...options, ...certificates }, resolve);
      request.once('error', reject);
      // A peer that is gone without a word is noticed by its silence; a proxy between sees that it is used.
      request.once('socket', (socket) => socket.setKeepAlive(true, 15_000));
      request.end(body);
    });
  }

  #urlOf({ path, query = {} }: Question): URL {
    const { url, datacenter } = this.#config;
    const asked = new URL(url);
    asked.pathname = `${url.pathname.replace(/\/$/, '')}${path}`;
    for (const [name, value] of Object.entries({ ...query, dc: datacenter })) {
      if (value !== undefined) asked.searchParams.set(name, value);
    }
    return asked;
  }

  #headers(): Record<string, string> {
    const { token } = this.#config;
    const text = typeof token === 'function' ? tokenOf(token) : token;
    return text ? { 'x-consul-token': text } : {};
  }

  async #read(response: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response) {
      bytes += chunk.length;
      if (bytes > this.#maxBytes) {
        response.destroy();
        const message = `answers with more than ${this.#maxBytes} bytes`;
        throw new ConfigError('Bad answer of Consul', [{ path: this.#config.url.origin, message }]);
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  }
}

/** What a caller's function gives is in no message, nor is what it throws. */
function tokenOf(given: () => unknown): string {
  const wrong = (message: string) => new ConfigError('No token', [{ path: 'token', message }]);
  let text: unknown;
  try {
    text = given() ?? '';
  } catch (error) {
    throw wrong(`threw ${error instanceof Error ? error.name : typeof error}`);
  }
  if (typeof text !== 'string') throw wrong('gave no text; it is not waited for');
  if (text === '' || tokenText.test(text)) return text;
  throw wrong('gave characters that no token has, such as the end of a line');
}

/** Node's codes and OpenSSL's tell enough; its messages may quote what was sent. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code === '' ? 'it broke off' : code;
}
