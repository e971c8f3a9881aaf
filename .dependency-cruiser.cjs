/**
 * The import rules of docs/architecture.md. A room may import what stands on its line, what those may
 * import, and itself; rooms of one floor never each other.
 */
const ground = ['errors', 'tls', 'config', 'observability'];
const imports = {
  errors: [],
  tls: ['errors'],
  config: ['tls'],
  observability: ['errors'],
  values: [],
  sharding: ground,
  scaling: ground,
  resilience: ground,
  mysql: ground,
  prometheus: ground,
  opentelemetry: ground,
  topology: ['sharding'],
  cache: ['resilience', 'values'],
  consul: ['topology'],
  proxysql: ['topology', 'mysql'],
  identity: ['topology', 'mysql'],
  routing: ['topology'],
  execution: ['identity', 'routing', 'resilience'],
  forwarding: ['execution'],
  commit: ['forwarding', 'values'],
  rows: ['commit', 'cache'],
  reference: ['rows'],
  scatter: ['rows'],
  directory: ['rows'],
  relocation: ['rows'],
  verification: ['rows'],
  placement: ['execution'],
  reconfiguration: ['verification'],
};

/** A room and all that lie below it. */
function below(room, seen = new Set()) {
  if (seen.has(room)) return seen;
  seen.add(room);
  for (const one of imports[room]) below(one, seen);
  return seen;
}

const house = Object.keys(imports).map((room) => {
  const allowed = [...below(room)];
  return {
    name: `${room}-imports-only-below`,
    comment: `src/${room} may import: ${allowed.join(', ')}`,
    severity: 'error',
    from: { path: `^src/${room}/` },
    to: { path: '^src/', pathNot: `^src/(${allowed.join('|')})/` },
  };
});

/** One dependency, one room: exactly these places may import the library. */
const owners = {
  mysql2: '^src/mysql/',
  ioredis: '^src/cache/',
  cockatiel: '^src/resilience/',
  'lru-cache': '^src/cache/',
  zod: '^src/(config|rows|reference)/',
  pino: '^src/observability/',
  '@opentelemetry/api': '^src/opentelemetry/',
  testcontainers: '^src/testing/',
};

const owned = Object.entries(owners).map(([library, path]) => ({
  name: `${library}-has-one-home`,
  severity: 'error',
  from: { path: '^src/', pathNot: path },
  to: { path: `^node_modules/${library}(/|$)` },
}));

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'not-to-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'entries-are-for-users',
      comment: 'index.ts files are the doors of the package; inside, files import files',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^src/(index|[^/]+/index)\\.ts$' },
    },
    {
      name: 'top-floor-is-not-imported',
      severity: 'error',
      from: { path: '^src/(?!index|data-layer|table/|testing/)' },
      to: { path: '^src/(data-layer|index)\\.ts$|^src/(data-layer|table|testing)/' },
    },
    {
      name: 'commands-are-not-imported',
      comment: 'a command runs when it is loaded',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'testing-stands-beside',
      comment: 'the test kit uses the product from outside; the product never imports it',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/testing/' },
      to: { path: '^src/testing/' },
    },
    {
      name: 'one-snapshot-a-call',
      comment: 'where calls begin, a snapshot is taken; all else goes by the call, or by a route',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot:
          '^src/(data-layer[./]|execution/(call-gate|upkeep)|table/open-tables|rows/table-runtime|verification/shared-redis|reconfiguration/)',
      },
      to: { path: '^src/topology/topology-store\\.ts$' },
    },
    {
      name: 'pure-folders-do-no-io',
      severity: 'error',
      from: { path: '^src/(sharding|scaling|routing)/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?crypto$' },
    },
    ...house,
    ...owned,
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
