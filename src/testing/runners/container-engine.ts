import { createServer } from 'node:net';
import type { ContainerRuntimeClient, ImageName } from 'testcontainers';
import { TestingError } from '../testing-error.ts';
import type { MysqlFlavor } from './binaries.ts';

/** Where the engine's API is; what Node's `http.request` takes. */
export interface EngineAddress {
  readonly socketPath?: string;
  readonly host?: string;
  readonly port?: string;
  readonly protocol?: string;
}

/** The container engine of this machine, found as testcontainers finds it. */
export interface ContainerEngine {
  readonly client: ContainerRuntimeClient;
  /** Where published ports are. */
  readonly host: string;
  readonly address: EngineAddress;
  imageName(image: string): ImageName;
}

/** @throws TestingError when testcontainers is not installed or no engine answers. */
export async function connectEngine(): Promise<ContainerEngine> {
  // An optional peer: only who wants containers has it.
  const { getContainerRuntimeClient, ImageName } = await import('testcontainers').catch(
    (cause: unknown) => {
      throw new TestingError(
        "The container provider needs the package 'testcontainers'.\nInstall it: npm install --save-dev testcontainers@11",
        { cause },
      );
    },
  );
  const client = await getContainerRuntimeClient().catch((cause: unknown) => {
    throw new TestingError(
      'No container engine answers.\nStart Docker, or name its address with DOCKER_HOST.',
      { cause },
    );
  });
  const published = client.info.containerRuntime.host;
  return {
    client,
    host: (await isOwnAddress(published)) ? '127.0.0.1' : published,
    address: addressOf(client.container.dockerode.modem),
    imageName: (image) => ImageName.fromString(image),
  };
}

/**
 * Whether a host is this machine, which has its published ports on loopback too. The gateway of the engine's own
 * network is: its interface may be down, and then only binding to it tells.
 */
function isOwnAddress(host: string): Promise<boolean> {
  if (host === 'localhost') return Promise.resolve(true);
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(0, host, () => server.close(() => resolve(true)));
  });
}

/** Whether containers can be had here. */
export async function engineIsReachable(): Promise<boolean> {
  try {
    await connectEngine();
    return true;
  } catch (error) {
    if (error instanceof TestingError) return false;
    throw error;
  }
}

/** @throws TestingError when the image is neither here nor can be pulled. */
export async function ensureImage(engine: ContainerEngine, image: string): Promise<void> {
  try {
    await engine.client.image.pull(engine.imageName(image));
  } catch (cause) {
    throw new TestingError(
      `The image '${image}' is not here and cannot be pulled.\n` +
        'Name one this engine has: options mysqlImage, redisImage.',
      { context: { image }, cause },
    );
  }
}

/** Which server is in the image: official MariaDB images have a variable that MySQL's lack. */
export async function flavorOf(engine: ContainerEngine, image: string): Promise<MysqlFlavor> {
  const { Config } = await engine.client.image.inspect(engine.imageName(image));
  const isMariadb = Config.Env.some((line) => line.startsWith('MARIADB_VERSION='));
  return isMariadb ? 'mariadb' : 'mysql';
}

/** The modem's types hide what it was made with. */
function addressOf(modem: object): EngineAddress {
  const text = (name: string): string | undefined => {
    const value: unknown = Reflect.get(modem, name);
    return typeof value === 'string' || typeof value === 'number' ? `${value}` : undefined;
  };
  const socketPath = text('socketPath');
  if (socketPath) return { socketPath };
  return {
    host: text('host') ?? 'localhost',
    port: text('port') ?? '2375',
    protocol: `${text('protocol') ?? 'http'}:`,
  };
}
