import type { ContainerRuntimeClient } from 'testcontainers';
import type { ContainerEngine } from './container-engine.ts';
import type { PortReservations } from './free-port.ts';
import { type Probe, untilAnswers } from './readiness.ts';
import type { ServerRunner } from './server-handle.ts';
import { tarArchive } from './tar-archive.ts';
import { TestingError } from './testing-error.ts';

type Container = Awaited<ReturnType<ContainerRuntimeClient['container']['create']>>;

/** What the containers of one cluster share. */
export interface ContainerHost {
  readonly engine: ContainerEngine;
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

/** One server in a container. Its host port is fixed, so that a restart keeps it. */
export class ContainerRunner implements ServerRunner {
  readonly pid = undefined;
  readonly crashed = false;
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
        await container.remove({ force: true, v: true });
        const taken = error instanceof Error && lostPort.test(error.message);
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

  async start(): Promise<void> {
    const { startTimeoutMs, engine } = this.#host;
    await this.#container.start();
    const deadline = performance.now() + startTimeoutMs;
    const gaveUp = () => performance.now() > deadline;
    if (await untilAnswers(this.#program.probe, engine.host, this.port, gaveUp)) return;
    const log = await this.#container.logs({ stdout: true, stderr: true, tail: 15 });
    await this.kill();
    throw new TestingError(
      `Server '${this.#program.name}' did not answer within ${startTimeoutMs} ms. ` +
        `The end of its log:\n${log.toString()}`,
      { context: { server: this.#program.name, port: this.port } },
    );
  }

  async kill(): Promise<void> {
    await unless(stateConflict, this.#container.kill());
    await this.#container.wait({ condition: 'not-running' });
  }

  async stop(): Promise<void> {
    await unless(alreadySo, this.#container.stop({ t: gracefulStopSeconds }));
  }

  async pause(): Promise<void> {
    await this.#container.pause();
  }

  async resume(): Promise<void> {
    await this.#container.unpause();
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
  const container = await engine.client.container.create({
    name: `${cluster}-${program.alias}`,
    Image: program.image,
    Cmd: [...program.args],
    Env: Object.entries(program.environment).map(([name, value]) => `${name}=${value}`),
    Labels: { [clusterLabel]: cluster },
    ExposedPorts: { [inside]: {} },
    HostConfig: { PortBindings: { [inside]: [{ ...hostIp, HostPort: `${port}` }] } },
    NetworkingConfig: { EndpointsConfig: { [cluster]: { Aliases: [program.alias] } } },
  });
  if (program.file) {
    const { path, text } = program.file;
    await container.putArchive(tarArchive(path, text), { path: '/' });
  }
  return container;
}

/** The engine's answer that the container is not in the state the request is for. */
async function unless(expectedStatus: number, request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
    if (status !== expectedStatus) throw error;
  }
}
