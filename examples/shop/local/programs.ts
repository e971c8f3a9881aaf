import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const names = ['analytics', 'edge-gateway', 'inventory', 'payment', 'user-auth'] as const;
export type ServiceName = (typeof names)[number];

/** In the project, because the packages that a service imports are looked for from where it lies. */
const folder = new URL('../../../node_modules/.cache/meridian-shop/', import.meta.url);
let built: Promise<unknown> | undefined;

/** The program of a service as one file, as it would be deployed: nine processes start in a second. */
export async function programOf(name: ServiceName): Promise<string> {
  built ??= build({
    entryPoints: names.map((out) => ({
      out,
      in: fileURLToPath(new URL(`../${out}/main.ts`, import.meta.url)),
    })),
    // Others may start the shop at the same time.
    outdir: fileURLToPath(new URL(`${process.pid}/`, folder)),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    tsconfig: fileURLToPath(new URL('../../../tsconfig.json', import.meta.url)),
    logLevel: 'error',
  });
  await built;
  return fileURLToPath(new URL(`${process.pid}/${name}.mjs`, folder));
}
