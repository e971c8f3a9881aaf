/**
 * Builds the package: both formats, and one set of declarations, which the doors for `import` take from those
 * for `require`. They say the same, and the package would have all of them twice.
 */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { main, must, root, tool } from './run.mjs';

await main(async () => {
  await must('Building', tool('tsup'), []);
  const dist = join(root, 'dist');
  const names = readdirSync(dist);
  const doors = names.filter((name) => name.endsWith('.cjs') && !name.startsWith('chunk-'));
  for (const name of names) if (name.endsWith('.d.ts')) rmSync(join(dist, name));
  for (const door of doors) {
    writeFileSync(join(dist, door.replace(/cjs$/, 'd.ts')), `export * from './${door}';\n`);
  }
  return 0;
});
