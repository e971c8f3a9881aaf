/** The import rules of docs/architecture.md: a folder imports only from lower levels. */
const level = {
  errors: [],
  config: ['errors'],
  observability: ['errors'],
  sharding: ['errors', 'config', 'observability'],
  scaling: ['errors', 'config', 'observability'],
  resilience: ['errors', 'config', 'observability'],
  mysql: ['errors', 'config', 'observability'],
  topology: ['errors', 'config', 'observability', 'sharding'],
  cache: ['errors', 'config', 'observability', 'resilience'],
  routing: ['errors', 'config', 'observability', 'sharding', 'topology'],
  execution: ['errors', 'config', 'observability', 'routing', 'topology', 'mysql', 'resilience'],
  distributed: [
    'errors',
    'config',
    'observability',
    'execution',
    'routing',
    'topology',
    'sharding',
    'mysql',
    'resilience',
  ],
};

const house = Object.entries(level).map(([folder, below]) => ({
  name: `${folder}-imports-only-below`,
  comment: `src/${folder} may import: ${[folder, ...below].join(', ')}`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: { path: '^src/', pathNot: `^src/(${[folder, ...below].join('|')})/` },
}));

/** One dependency, one folder: exactly these places may import the library. */
const owners = {
  mysql2: '^src/mysql/',
  ioredis: '^src/cache/',
  cockatiel: '^src/resilience/',
  'lru-cache': '^src/cache/',
  zod: '^src/(config|table)/',
  pino: '^src/observability/',
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
      from: { path: '^src/(?!index|data-layer|data-layer-options|table/|testing/)' },
      to: { path: '^src/(data-layer|data-layer-options|index)\\.ts$|^src/(table|testing)/' },
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
