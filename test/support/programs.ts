import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = new URL('../../', import.meta.url);
const bundles = new Map<string, Promise<string>>();

/**
 * A TypeScript program of the tests as one file that `node` runs:
 * a process that tests kill at its first statement must not load two hundred modules for it.
 */
export function programFile(file: string): Promise<string> {
  const known = bundles.get(file);
  if (known !== undefined) return known;
  const bundle = bundleProgram(file);
  bundles.set(file, bundle);
  return bundle;
}

async function bundleProgram(file: string): Promise<string> {
  const [bundle = ''] = await bundlePrograms([file]);
  return bundle;
}

let folders = 0;

/** Several programs that share what they import, where one process loads more than one of them. */
export async function bundlePrograms(files: readonly string[]): Promise<string[]> {
  // Inside of the project, because the package that stays outside of it is looked for from there.
  const folder = fileURLToPath(
    new URL(`node_modules/.cache/meridian-programs/${process.pid}-${++folders}/`, root),
  );
  await build({
    entryPoints: files.map((file) => ({ in: file, out: basename(file, '.ts') })),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: files.length > 1,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // Packages too, for their hundreds of files cost half of a short life. What they `require` needs a name.
    banner: {
      js: "import { createRequire as requireOf } from 'node:module';\nconst require = requireOf(import.meta.url);",
    },
    external: ['testcontainers'],
    // `meridian` is what tsconfig.json says it is.
    tsconfig: fileURLToPath(new URL('tsconfig.json', root)),
    logLevel: 'error',
  });
  return files.map((file) => `${folder}${basename(file, '.ts')}.mjs`);
}
