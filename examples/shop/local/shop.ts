import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { type LocalCluster, startLocalCluster } from 'meridian/testing';
import { ServiceProcess } from './process.ts';
import type { ServiceName } from './programs.ts';
import { prepare, type ShopData } from './schema.ts';
import { regionNames, type ShardName, shardNames, topologyOf } from './topology.ts';

export interface ShopOptions {
  readonly onProgress?: (line: string) => void;
  readonly onLog?: (text: string) => void;
  /** More settings for all services. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The whole shop on this machine. */
export interface Shop {
  readonly cluster: LocalCluster<ShardName>;
  /** For what an operator does: prices, stock, roles. */
  readonly data: ShopData;
  readonly gateways: Readonly<Record<(typeof regionNames)[number], string>>;
  /** The addresses behind the gateways, by region and name. */
  readonly services: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Signs access tokens; private, for tests that make some of their own. */
  readonly signingKey: JWK;
  readonly edgeKey: string;
  readonly gatewayKey: string;
  readonly inventory: ServiceProcess;
  /** The document that all services follow. */
  readonly topologyFile: string;
  stop(): Promise<void>;
}

const secret = () => randomBytes(24).toString('base64url');

export async function startShop({ onProgress, onLog, env }: ShopOptions = {}): Promise<Shop> {
  const say = onProgress ?? (() => {});
  const endings: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const end of endings.splice(0).reverse()) await end();
  };
  try {
    say(`starting ${shardNames.length} shards and a Redis`);
    const cluster = await startLocalCluster({ shards: shardNames });
    endings.push(() => cluster.stop());
    const folder = await mkdtemp(join(tmpdir(), 'meridian-shop-'));
    endings.push(() => rm(folder, { recursive: true }));
    const topology = join(folder, 'topology.json');
    await writeFile(topology, JSON.stringify(topologyOf(cluster)));
    const [directoryKey, gatewayKey, edgeKey] = [secret(), secret(), secret()];
    const data = await prepare(cluster, topology, directoryKey);
    endings.push(() => data.close());
    const signingKey = await newSigningKey('key-1');
    const common = {
      TOPOLOGY: topology,
      REDIS_URL: cluster.redis.url,
      GATEWAY_KEY: gatewayKey,
      ...env,
    };
    const start = async (name: ServiceName, region: string, own: Record<string, string> = {}) => {
      const settings = { ...common, REGION: region, ...own };
      const service = await ServiceProcess.start(name, settings, onLog ?? (() => {}));
      endings.push(() => service.stop());
      say(`${name} in ${region}: ${service.url}`);
      return service;
    };
    const inventory = await start('inventory', 'eu');
    const ofAuth = { DIRECTORY_KEY: directoryKey, SIGNING_KEYS: JSON.stringify([signingKey]) };
    const services: Record<string, Record<string, string>> = {};
    for (const region of regionNames) {
      const [auth, payment, analytics] = await Promise.all([
        start('user-auth', region, ofAuth),
        start('payment', region, { INVENTORY_URL: inventory.url }),
        start('analytics', region),
      ]);
      services[region] = {
        'user-auth': auth.url,
        payment: payment.url,
        analytics: analytics.url,
      };
    }
    const gateway = (region: string) =>
      start('edge-gateway', region, {
        EDGE_KEY: edgeKey,
        SERVICES: JSON.stringify(services),
        JWKS_URL: `${services[region]?.['user-auth']}/jwks`,
      });
    const [eu, jp] = await Promise.all([gateway('eu'), gateway('jp')]);
    return {
      cluster,
      data,
      gateways: { eu: eu.url, jp: jp.url },
      signingKey,
      services,
      edgeKey,
      gatewayKey,
      inventory,
      topologyFile: topology,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

export async function newSigningKey(kid: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid };
}
