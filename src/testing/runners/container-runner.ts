import type { ContainerRuntimeClient } from 'testcontainers';
import { TestingError } from '../testing-error.ts';
import type { ContainerEngine } from './container-engine.ts';
import type { PortReservations } from './free-port.ts';
import { type Probe, untilAnswers } from './readiness.ts';
import type { ServerRunner } from './server-handle.ts';
import { clusterStopped, type Supervisor } from './supervisor.ts';
import { tarArchive } from './tar-archive.ts';

type Container = Awaited<ReturnType<ContainerRuntimeClient['container']['create']>>;

/** What the containers of one cluster share. */
export interface ContainerHost {
  readonly engine: ContainerEngine;
  readonly supervisor: Supervisor;
  readonly ports: PortReservations;
  readonly startTimeoutMs: number;
  /** The name of the cluster's network, and its mark on all that belongs to it. */
  readonly cluster: string;
}

/** The label that tells which cluster a container is of. */
export const clusterLabel = 'meridian.cluster';

/** What to run in a container, and how to tell that it serves. */
export interface ContainerProgram {
  readonly name: string;
  /** What other containers of the cluster reach it by. */
  readonly alias: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** The port the server listens on inside. */
  readonly port: number;
  readonly probe: Probe;
  /** A file to put in before the first start. */
  readonly file?: { readonly path: string; readonly text: string };
}

const portAttempts = 5;
const lostPort = /port is already allocated|address already in use/i;
const gracefulStopSeconds = 10;
const stateConflict = 409;
const alreadySo = 304;
const gone = 404;

/** One server in a container. Its host port is fixed, so that a restart keeps it. */
export class ContainerRunner implements ServerRunner {
  readonly pid = undefined;
  readonly port: number;
  readonly #program: ContainerProgram;
  readonly #host: ContainerHost;
  readonly #container: Container;

  /** Starts a server on a free port; a port that is taken meanwhile is replaced by another. */
  static async onFreePort(program: ContainerProgram, host: ContainerHost) {
    for (let attempt = 1; ; attempt += 1) {
      const port = await host.ports.reserve();
      const container = await create(program, host, port);
      const runner = new ContainerRunner(program, host, container, port);
      try {
        await runner.start();
        return runner;
      } catch (error) {
        host.ports.release(port);
        await asked(container.remove({ force: true, v: true }), gone);
        const taken = error instanceof TestingError && lostPort.test(error.message);
        if (!taken || attempt === portAttempts) throw error;
      }
    }
  }

  private constructor(
    program: ContainerProgram,
    host: ContainerHost,
    container: Container,
    port: number,
  ) {
    this.#program = program;
    this.#host = host;
    this.#container = container;
    this.port = port;
  }

  get ended(): 'stopped' | undefined {
    return this.#host.supervisor.ending ? 'stopped' : undefined;
  }

  async start(): Promise<void> {
    const { startTimeoutMs, engine, supervisor } = this.#host;
    if (supervisor.ending) throw clusterStopped();
    await asked(this.#container.start());
    const deadline = performance.now() + startTimeoutMs;
    const ended = async () => !(await asked(this.#container.inspect())).State.Running;
    const gaveUp = async () => performance.now() > deadline || (await ended());
    if (await untilAnswers(this.#program.probe, engine.host, this.port, gaveUp)) return;
    const what = (await ended())
      ? 'ended instead of answering'
      : `did not answer within ${startTimeoutMs} ms`;
    const log = await asked(this.#container.logs({ stdout: true, stderr: true, tail: 15 }));
    await this.kill();
    throw new TestingError(
      `Server '${this.#program.name}' ${what}. The end of its log:\n${log.toString()}`,
      { context: { server: this.#program.name, port: this.port } },
    );
  }

  async kill(): Promise<void> {
    await asked(this.#container.kill(), stateConflict);
    await asked(this.#container.wait({ condition: 'not-running' }));
  }

  async stop(): Promise<void> {
    await asked(this.#container.stop({ t: gracefulStopSeconds }), alreadySo);
  }

  async pause(): Promise<void> {
    await asked(this.#container.pause());
  }

  async resume(): Promise<void> {
    await asked(this.#container.unpause());
  }
}

async function create(
  program: ContainerProgram,
  { engine, cluster }: ContainerHost,
  port: number,
): Promise<Container> {
  const inside = `${program.port}/tcp`;
  // An engine elsewhere publishes to this machine; one here need not publish to others.
  const hostIp = engine.host === '127.0.0.1' ? { HostIp: engine.host } : {};
  const creating = engine.client.container.create({
    name: `${cluster}-${program.alias}`,
    Image: program.image,
    Cmd: [...program.args],
    // The log of a terminal is plain text; any other comes in frames.
    Tty: true,
    Env: Object.entries(program.environment).map(([name, value]) => `${name}=${value}`),
    Labels: { [clusterLabel]: cluster },
    ExposedPorts: { [inside]: {} },
    HostConfig: { PortBindings: { [inside]: [{ ...hostIp, HostPort: `${port}` }] } },
    NetworkingConfig: { EndpointsConfig: { [cluster]: { Aliases: [program.alias] } } },
  });
  const container = await asked(creating);
  if (program.file) {
    const { path, text } = program.file;
    await asked(container.putArchive(tarArchive(path, text), { path: '/' }));
  }
  return container;
}

/**
 * What the engine answers; its refusals become ours.
 *
 * @param fine the status of a refusal that says it is so already.
 */
async function asked<T>(request: Promise<T>, fine: number): Promise<T | undefined>;
async function asked<T>(request: Promise<T>): Promise<T>;
async function asked<T>(request: Promise<T>, fine?: number): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
    if (fine !== undefined && status === fine) return undefined;
    if (status === gone) throw clusterStopped();
    const reason = error instanceof Error ? error.message : 'for no stated reason';
    throw new TestingError(`The container engine refused: ${reason}`, { cause: error });
  }
}
