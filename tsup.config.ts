import { defineConfig } from 'tsup';

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    sharding: 'src/sharding/index.ts',
    cache: 'src/cache/index.ts',
    resilience: 'src/resilience/index.ts',
    scaling: 'src/scaling/index.ts',
    testing: 'src/testing/index.ts',
    'meridian-placement': 'src/cli/placement.ts',
  },
  format: ['esm', 'cjs'],
  target: 'node20',
  platform: 'node',
  dts: true,
  splitting: true,
  sourcemap: true,
  clean: true,
  treeshake: true,
});
