/**
 * Builds the package: its code once, in the format of `require`, and for `import` doors that name what is
 * behind them. Who loads both has one set of classes and one of everything else, and the package is not
 * twice as large; the declarations are those of `require` too.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { main, must, root, tool } from './run.mjs';

const shebang = '#!/usr/bin/env node\n';

await main(async () => {
  await must('Building', tool('tsup'), []);
  const dist = join(root, 'dist');
  const load = createRequire(join(dist, 'door.js'));
  const built = readdirSync(dist).filter((name) => /^(?!chunk-).*\.cjs$/.test(name));
  for (const file of built) {
    const name = file.replace(/\.cjs$/, '');
    // A program is run by what loads it, and has nothing to name.
    if (name === 'meridian') {
      writeFileSync(join(dist, 'meridian.js'), `${shebang}import './${file}';\n`, { mode: 0o755 });
      continue;
    }
    writeFileSync(join(dist, `${name}.js`), door(file, Object.keys(load(`./${file}`))));
    writeFileSync(join(dist, `${name}.d.ts`), `export * from './${file}';\n`);
  }
  return 0;
});

/** What is named here needs no guesses of Node's at what a file for `require` exports. */
function door(file, names) {
  return `import door from './${file}';\nexport const { ${names.sort().join(', ')} } = door;\n`;
}
