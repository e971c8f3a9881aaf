import { readFile, stat } from 'node:fs/promises';
import type { Executable } from '../mysql/server-location.ts';
import { TestingError } from '../testing-error.ts';
import type { PortReservations } from './free-port.ts';
import { untilFrozen } from './frozen.ts';
import { type Probe, untilAnswers } from './readiness.ts';
import type { ServerRunner } from './server-handle.ts';
import type { SupervisedProcess, Supervisor } from './supervisor.ts';

/** What to run as a server, and how to tell that it serves. */
export interface ServerProgram extends Executable {
  readonly name: string;
  /** All output of the process is appended here. */
  readonly log: string;
  readonly probe: Probe;
  /** How many ports it listens on besides the one that is probed. Default 0. */
  readonly extraPorts?: number;
  argumentsFor(port: number, extraPorts: readonly number[]): readonly string[];
}

/** What the processes of one cluster share. */
export interface ProcessHost {
  readonly supervisor: Supervisor;
  readonly ports: PortReservations;
  readonly startTimeoutMs: number;
}

export const loopback = '127.0.0.1';
const portAttempts = 5;
const gracefulStopMs = 10_000;
const lostPort = /address already in use|bind on tcp\/ip port|could not create server tcp/i;

/** One server as a process of this machine. */
export class ProcessRunner implements ServerRunner {
  readonly port: number;
  readonly #extraPorts: readonly number[];
  readonly #program: ServerProgram;
  readonly #host: ProcessHost;
  #process: SupervisedProcess | undefined;
  #told = false;

  /** Starts a server on a free port; a port that is taken meanwhile is replaced by another. */
  static async onFreePort(program: ServerProgram, host: ProcessHost): Promise<ProcessRunner> {
    for (let attempt = 1; ; attempt += 1) {
      const port = await host.ports.reserve();
      const extraPorts: number[] = [];
      while (extraPorts.length < (program.extraPorts ?? 0)) {
        extraPorts.push(await host.ports.reserve());
      }
      const runner = new ProcessRunner(program, host, port, extraPorts);
      try {
        await runner.start();
        return runner;
      } catch (error) {
        for (const unused of [port, ...extraPorts]) host.ports.release(unused);
        const taken = error instanceof TestingError && lostPort.test(error.message);
        if (!taken || attempt === portAttempts) throw error;
      }
    }
  }

  private constructor(
    program: ServerProgram,
    host: ProcessHost,
    port: number,
    extraPorts: readonly number[],
  ) {
    this.#program = program;
    this.#host = host;
    this.port = port;
    this.#extraPorts = extraPorts;
  }

  get pid(): number | undefined {
    return this.#process?.exit === undefined ? this.#process?.pid : undefined;
  }

  get ended(): 'crashed' | 'stopped' | undefined {
    if (this.#host.supervisor.ending) return 'stopped';
    return this.#process?.exit !== undefined && !this.#told ? 'crashed' : undefined;
  }

  async start(): Promise<void> {
    const { name, file, leading, log, probe } = this.#program;
    const logStart = await sizeOf(log);
    const process = await this.#host.supervisor.spawn(
      file,
      [...leading, ...this.#program.argumentsFor(this.port, this.#extraPorts)],
      log,
    );
    this.#process = process;
    this.#told = false;
    const deadline = performance.now() + this.#host.startTimeoutMs;
    const gaveUp = () => process.exit !== undefined || performance.now() > deadline;
    if (await untilAnswers(probe, loopback, this.port, gaveUp)) return;

    const exit = process.exit;
    await this.kill();
    const output = await readFile(log);
    throw new TestingError(
      (exit
        ? `Server '${name}' ended with ${exit.signal ?? exit.code} instead of answering.`
        : `Server '${name}' did not answer within ${this.#host.startTimeoutMs} ms.`) +
        ` The end of its log:\n${lastLines(output.subarray(logStart).toString())}`,
      { context: { server: name, port: this.port } },
    );
  }

  async kill(): Promise<void> {
    this.#told = true;
    await this.#process?.signal('SIGKILL');
    await this.#process?.ended();
  }

  async stop(): Promise<void> {
    const process = this.#process;
    if (!process) return;
    this.#told = true;
    await process.signal('SIGTERM');
    const inTime = new AbortController();
    const ended = process.ended().then(() => inTime.abort());
    await Promise.race([ended, delay(gracefulStopMs, inTime.signal)]);
    await this.kill();
  }

  async pause(): Promise<void> {
    await this.#process?.signal('SIGSTOP');
    if (this.pid !== undefined) await untilFrozen(this.pid);
  }

  async resume(): Promise<void> {
    await this.#process?.signal('SIGCONT');
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0;
    throw error;
  }
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-15).join('\n');
}

/** Resolves after the time, or at once when it is no longer needed. */
function delay(timeMs: number, unneeded: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeMs);
    unneeded.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
