import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pages = [
  'CONTRIBUTING.md',
  'docs/architecture.md',
  ...readdirSync(join(root, 'docs/internals')).map((name) => `docs/internals/${name}`),
];
const files = ['src', 'test', 'scripts', 'docs'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
    join(folder, name),
  ),
);

/** Whether a file or folder is there: by its whole path, by the path inside of src, or by its name. */
function exists(path: string): boolean {
  if (existsSync(join(root, path)) || existsSync(join(root, 'src', path))) return true;
  return !path.includes('/') && files.some((file) => basename(file) === path);
}

it.each(pages)('%s names only files that are there', (page) => {
  const text = readFileSync(join(root, page), 'utf8').replace(/^```[\s\S]*?^```/gm, '');
  const named = [...text.matchAll(/`([\w./-]+(?:\.ts|\.mjs|\.cjs|\.md|\/))`/g)].map(
    ([, path = '']) => path,
  );
  const linked = [...text.matchAll(/\]\(([\w./-]+)(?:#[\w-]*)?\)/g)].map(([, path = '']) =>
    join(dirname(page), path),
  );
  const missing = [...named, ...linked].filter((path) => !exists(path.replace(/\/$/, '')));
  expect(missing).toEqual([]);
});
