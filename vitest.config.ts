import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';

const source = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url));

/** Peers of other versions, installed in a folder of their own: see scripts/node-versions.mjs. */
const { MERIDIAN_TEST_PEERS: peersFolder } = process.env;
const peers = ['mysql2', 'ioredis', 'zod']
  .map((name) => ({ name, folder: `${peersFolder}/node_modules/${name}` }))
  .filter(({ folder }) => peersFolder !== undefined && existsSync(folder))
  .map(({ name, folder }) => ({ find: new RegExp(`^${name}(?=$|/)`), replacement: folder }));

const inContainers = process.env.MERIDIAN_TEST_PROVIDER === 'container';
/** Their servers are processes wherever they run: containers would show nothing new. */
const processesOnly = [
  'test/chaos/**',
  'test/integration/testing/{local-redis,redis-kinds,cluster-replacement,server-location}.test.ts',
  'test/integration/cache/{cache-contract,cache-contract-shared,cache-processes}.test.ts',
  'test/integration/cache/redis/{cache-permissions,cache-tls,replaced-master}.test.ts',
  'test/integration/mysql/certificates.test.ts',
  'test/integration/examples/shop*.test.ts',
];

export default defineConfig({
  resolve: {
    alias: [
      ...peers,
      { find: /^meridian$/, replacement: source('index.ts') },
      { find: /^meridian\/([\w-]+)$/, replacement: source('$1/index.ts') },
    ],
  },
  test: {
    // Real servers share the machine with the tests: more workers would only wait for the cores.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          isolate: false,
          include: ['test/unit/**/*.test.ts'],
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'property',
          isolate: false,
          include: ['test/property/**/*.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          // A file ends what it began; loading the modules anew for each would cost more than its tests.
          isolate: false,
          include: ['test/{integration,chaos,contract}/**/*.test.ts'],
          setupFiles: ['test/support/judges/unowned-failures.ts'],
          globalSetup: ['test/support/servers/global-setup.ts'],
          exclude: inContainers ? processesOnly : [],
          testTimeout: 30_000,
          expect: { poll: { timeout: 10_000 } },
          // An engine may take its time to remove containers while others start.
          hookTimeout: inContainers ? 180_000 : 60_000,
        },
      },
      // Only by `npm run test:consul`, which finds the agent.
      ...(process.env.MERIDIAN_TEST_CONSUL === undefined
        ? []
        : [
            {
              extends: true as const,
              test: {
                name: 'consul',
                include: ['test/consul/**/*.test.ts'],
                setupFiles: ['test/support/judges/unowned-failures.ts'],
                globalSetup: ['test/support/servers/global-setup.ts'],
                testTimeout: 60_000,
                hookTimeout: 60_000,
              },
            },
          ]),
      // Only where a ProxySQL is given that tests may set as they like.
      ...(process.env.MERIDIAN_TEST_PROXYSQL_ADMIN === undefined
        ? []
        : [
            {
              extends: true as const,
              test: {
                name: 'proxysql',
                include: ['test/proxysql/**/*.test.ts'],
                setupFiles: ['test/support/judges/unowned-failures.ts'],
                globalSetup: ['test/support/servers/global-setup.ts'],
                testTimeout: 60_000,
                hookTimeout: 60_000,
              },
            },
          ]),
      {
        extends: true,
        test: {
          name: 'types',
          include: [],
          typecheck: { enabled: true, only: true, include: ['test/types/**/*.test-d.ts'] },
        },
      },
      {
        extends: true,
        test: {
          name: 'package',
          include: ['test/package/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
