/** Runs the integration tests on servers in containers; arguments go to vitest. */
import { ensureImages } from './build-test-images.mjs';
import { ensureEngine } from './own-engine.mjs';
import { main, Obstacle, run } from './run.mjs';

await main(async () => {
  let engine;
  try {
    engine = await ensureEngine();
    const images = await ensureImages(engine);
    console.log(`MySQL: ${images.mysql}, Redis: ${images.redis}`);
    const program = ['scripts/test.mjs', '--project', 'integration', ...process.argv.slice(2)];
    return await run(process.execPath, program, {
      env: {
        DOCKER_HOST: engine.url,
        MERIDIAN_TEST_PROVIDER: 'container',
        MERIDIAN_MYSQL_IMAGE: images.mysql,
        MERIDIAN_REDIS_IMAGE: images.redis,
      },
    });
  } catch (error) {
    // No engine or no images: nothing of the product is at fault, and nothing was tested.
    if (!(error instanceof Obstacle)) throw error;
    console.log(`${error.message}\nnot run: container suite\n0 passed, 0 failed, 1 skipped`);
    return 0;
  } finally {
    await engine?.stop();
  }
});
