import { TestingError } from '../testing-error.ts';
import type { LocalServer, MysqlServer, ServerState } from './server.ts';

/** The raw operations on one server; a process and a container each have theirs. */
export interface ServerRunner {
  readonly pid: number | undefined;
  /** Starts the server and resolves when it answers. */
  start(): Promise<void>;
  /** Resolves when it is gone. */
  kill(): Promise<void>;
  /** Shuts down in good order; resolves when it is gone. */
  stop(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** How the server ended without its handle: by itself, or with its cluster. */
  readonly ended: 'crashed' | 'stopped' | undefined;
}

export interface ServerAddress {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly url: string;
}

/** The handle of a running server: what may be done in which state, one operation at a time. */
export class ServerHandle implements LocalServer {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly url: string;
  readonly #runner: ServerRunner;
  #state: ServerState = 'running';
  #last: Promise<unknown> = Promise.resolve();

  constructor(address: ServerAddress, runner: ServerRunner) {
    this.name = address.name;
    this.host = address.host;
    this.port = address.port;
    this.url = address.url;
    this.#runner = runner;
  }

  get pid(): number | undefined {
    return this.#runner.pid;
  }

  get state(): ServerState {
    const alive = this.#state === 'running' || this.#state === 'paused';
    return (alive && this.#runner.ended) || this.#state;
  }

  kill(): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#runs()) return;
      await this.#runner.kill();
      this.#state = 'killed';
    });
  }

  pause(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.state === 'paused') return;
      if (this.state !== 'running') throw this.#refusal('paused');
      await this.#runner.pause();
      this.#state = 'paused';
    });
  }

  resume(): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#runs()) throw this.#refusal('resumed');
      await this.#resume();
    });
  }

  restart(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#stop();
      this.#state = 'starting';
      try {
        await this.#runner.start();
      } catch (error) {
        this.#state = 'crashed';
        throw error;
      }
      this.#state = 'running';
    });
  }

  stop(): Promise<void> {
    return this.#inTurn(() => this.#stop());
  }

  async #stop(): Promise<void> {
    if (!this.#runs()) return;
    // A frozen process cannot act on the request to shut down.
    await this.#resume();
    await this.#runner.stop();
    this.#state = 'stopped';
  }

  async #resume(): Promise<void> {
    if (this.state !== 'paused') return;
    await this.#runner.resume();
    this.#state = 'running';
  }

  #runs(): boolean {
    return this.state === 'running' || this.state === 'paused';
  }

  #refusal(verb: string): TestingError {
    return new TestingError(
      `Server '${this.name}' is ${this.state} and cannot be ${verb}. Call restart() first.`,
      { context: { server: this.name, state: this.state } },
    );
  }

  /** A kill during a restart would leave the state of neither: operations wait for each other. */
  #inTurn(operation: () => Promise<void>): Promise<void> {
    const done = this.#last.then(operation);
    this.#last = done.catch(ignoreBecauseTheCallerOfItHasTheError);
    return done;
  }
}

/** The handle of a MariaDB or MySQL server. */
export class MysqlServerHandle extends ServerHandle implements MysqlServer {
  readonly adminUrl: string;

  constructor(address: ServerAddress & { readonly adminUrl: string }, runner: ServerRunner) {
    super(address, runner);
    this.adminUrl = address.adminUrl;
  }
}

function ignoreBecauseTheCallerOfItHasTheError(): void {}
