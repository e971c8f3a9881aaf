/**
 * The way into the repository: `npm run demo`, `test`, `check`, `bench`, `test:chaos`,
 * `test:matrix`, `test:node` and `test:containers` come here. Makes the machine ready (Node, node modules,
 * servers), then runs the command.
 */
import { ensureModules } from './modules.mjs';
import { main, Obstacle, run } from './run.mjs';
import { ensurePromtool, ensureServers } from './servers.mjs';

const commands = {
  demo: { servers: true, program: ['--import', 'tsx', 'demo/demo.ts'] },
  example: { servers: true, program: ['--import', 'tsx', 'examples/shop/visit.ts'] },
  test: { servers: true, promtool: true, program: ['scripts/test.mjs'] },
  'test:fast': { servers: true, promtool: true, program: ['scripts/test.mjs', '--fast'] },
  'test:node': { servers: true, promtool: true, program: ['scripts/node-versions.mjs'] },
  'test:consul': { servers: true, program: ['scripts/test-consul.mjs'] },
  'test:chaos': { servers: true, program: ['scripts/test-chaos.mjs'] },
  bench: { servers: true, program: ['scripts/bench.mjs'] },
  check: { servers: false, program: ['scripts/check.mjs'] },
  api: { servers: false, program: ['scripts/api-report.mjs'] },
  docs: { servers: false, program: ['node_modules/typedoc/bin/typedoc'] },
  smoke: { servers: false, program: ['scripts/smoke.mjs'] },
  // Sentinel and Cluster are processes in any case.
  'test:matrix': { servers: true, promtool: true, program: ['scripts/test-matrix.mjs'] },
  'test:containers': { servers: true, promtool: true, program: ['scripts/test-containers.mjs'] },
};
const lowestNode = [20, 19];

await main(async () => {
  const [name, ...args] = process.argv.slice(2);
  const command = commands[name];
  if (!command) {
    throw new Obstacle(`Usage: node scripts/bootstrap.mjs <${Object.keys(commands).join('|')}>`);
  }
  checkNode();
  await ensureModules();
  if (command.servers) tellAboutExternalServers(name);
  const env = command.servers ? await ensureServers() : {};
  if (command.promtool) await ensurePromtool();
  return run(process.execPath, [...command.program, ...args], { env });
});

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > lowestNode[0] || (major === lowestNode[0] && minor >= lowestNode[1])) return;
  throw new Obstacle(
    `Meridian needs Node ${lowestNode.join('.')} or newer, and this is ${process.versions.node}.\n` +
      'Install a newer one, for example with your version manager: nvm install 22.',
  );
}

function tellAboutExternalServers(name) {
  if (!process.env.MERIDIAN_MYSQL_URLS && !process.env.MERIDIAN_REDIS_URL) return;
  console.error(
    `MERIDIAN_MYSQL_URLS and MERIDIAN_REDIS_URL are for 'node scripts/bootstrap.mjs smoke' only: ` +
      `'${name}' kills its servers and starts its own.`,
  );
}
