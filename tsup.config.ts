import { defineConfig } from 'tsup';

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    sharding: 'src/sharding/index.ts',
    cache: 'src/cache/index.ts',
    resilience: 'src/resilience/index.ts',
    scaling: 'src/scaling/index.ts',
    prometheus: 'src/prometheus/index.ts',
    opentelemetry: 'src/opentelemetry/index.ts',
    consul: 'src/consul/index.ts',
    proxysql: 'src/proxysql/index.ts',
    testing: 'src/testing/index.ts',
    meridian: 'src/cli/meridian.ts',
  },
  // The doors for `import` are made from these: see scripts/build.mjs.
  format: ['cjs'],
  target: 'node20',
  platform: 'node',
  dts: true,
  splitting: true,
  clean: true,
  treeshake: true,
  // The package is small without source maps, and its stack traces are read all the same: functions and
  // classes keep their names, and none disappears into another.
  minify: 'terser',
  terserOptions: {
    toplevel: true,
    ecma: 2020,
    compress: { ecma: 2020, inline: false, reduce_funcs: false },
    keep_classnames: true,
    keep_fnames: true,
    format: { comments: false, semicolons: false },
  },
});
