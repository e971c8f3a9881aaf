/** Runs the integration tests on servers in containers; arguments go to vitest. */
import { ensureImages } from './build-test-images.mjs';
import { ensureEngine } from './own-engine.mjs';
import { main, Obstacle, run } from './run.mjs';

await main(async () => {
  const engine = await engineOrReason();
  if (typeof engine === 'string') {
    console.log(`container suite: not run (${engine})`);
    return 0;
  }
  try {
    const images = await ensureImages(engine);
    const program = ['scripts/test.mjs', '--project', 'integration', ...process.argv.slice(2)];
    return await run(process.execPath, program, {
      env: {
        DOCKER_HOST: engine.url,
        MERIDIAN_TEST_PROVIDER: 'container',
        MERIDIAN_MYSQL_IMAGE: images.mysql,
        MERIDIAN_REDIS_IMAGE: images.redis,
      },
    });
  } finally {
    await engine.stop();
  }
});

async function engineOrReason() {
  try {
    return await ensureEngine();
  } catch (error) {
    if (!(error instanceof Obstacle)) throw error;
    return error.message;
  }
}
