import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';

/** A server of Consul's with its agent, on this machine, without a password. */
export interface ConsulAgentProcess {
  readonly url: string;
  put(path: string, body?: string): Promise<void>;
  remove(path: string): Promise<void>;
  get<T>(path: string): Promise<T>;
  /** Kills it and starts another on the same port, which remembers nothing. */
  startAnew(): Promise<void>;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

const { MERIDIAN_TEST_CONSUL: program = 'consul' } = process.env;

export async function startConsulAgent(): Promise<ConsulAgentProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'meridian-consul-'));
  const [http = 0, server = 0, serf = 0] = await freePorts(3);
  const url = `http://127.0.0.1:${http}`;
  const settings = join(folder, 'agent.json');
  const off = { serf_wan: -1, dns: -1, grpc: -1, grpc_tls: -1 };
  const ports = { http, server, serf_lan: serf, ...off };
  await writeFile(settings, JSON.stringify({ ports, connect: { enabled: false } }));
  const start = async (): Promise<ChildProcess> => {
    const args = [
      'agent',
      '-dev',
      '-bind=127.0.0.1',
      '-log-level=error',
      `-config-file=${settings}`,
    ];
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'], cwd: folder });
    await eventually(
      async () => {
        if (child.exitCode !== null) throw new Error('Consul ended before it had begun');
        const leader = await ask('GET', '/v1/status/leader');
        if (!leader.includes(':')) throw new Error('Consul has no leader yet');
      },
      { timeout: 30_000 },
    );
    return child;
  };
  const ask = async (method: string, path: string, body?: string): Promise<string> => {
    const response = await fetch(`${url}${path}`, { method, ...(body !== undefined && { body }) });
    const text = await response.text();
    if (!response.ok) throw new Error(`Consul answers ${response.status}: ${text}`);
    return text;
  };
  let child = await start();
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return {
    url,
    put: async (path, body) => void (await ask('PUT', path, body)),
    remove: async (path) => void (await ask('DELETE', path)),
    get: async (path) => JSON.parse(await ask('GET', path)),
    kill,
    async startAnew() {
      await kill();
      child = await start();
    },
    async stop() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
