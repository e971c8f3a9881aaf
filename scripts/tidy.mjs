/**
 * What keeps the source readable: no function over 70 lines, no file over 300, and no folder over 20 files,
 * of tests neither.
 *
 * Source: the tidy checks of TigerBeetle, `src/tidy.zig`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { root } from './run.mjs';

const most = { functionLines: 70, fileLines: 300, folderFiles: 20 };

/** Every breach of these rules. */
export function tidy() {
  const files = sources('src');
  const lines = [...files.flatMap(breachesOf), ...crowded([...files, ...sources('test')])];
  return { code: lines.length === 0 ? 0 : 1, output: lines.sort().join('\n') };
}

function sources(name) {
  const folder = join(root, name);
  return readdirSync(folder, { recursive: true })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file));
}

/** Those of one file. */
function breachesOf(file) {
  const name = relative(root, file);
  const text = readFileSync(file, 'utf8');
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const lineOf = (position) => source.getLineAndCharacterOfPosition(position).line + 1;
  const found = [];
  const length = text.split('\n').length - 1;
  if (length > most.fileLines) {
    found.push(`${name}: has ${length} lines, over ${most.fileLines}; give an idea of it a file`);
  }
  const visit = (node, owner) => {
    const own = ts.isFunctionLike(node) && node.body !== undefined ? nameOf(node, owner) : owner;
    if (own !== owner) {
      const first = lineOf(node.getStart());
      const lines = lineOf(node.end) - first + 1;
      if (lines > most.functionLines) {
        found.push(
          `${name}:${first}: ${own} has ${lines} lines, over ${most.functionLines}; take a step out of it`,
        );
      }
    }
    ts.forEachChild(node, (child) => visit(child, own));
  };
  visit(source, '');
  return found;
}

/** `Class.method`, `function`, or `function.callback` by where it stands. */
function nameOf(node, owner) {
  const { name, parent } = node;
  if (ts.isConstructorDeclaration(node)) return `${parent.name?.text ?? owner}.constructor`;
  if (name !== undefined) {
    const holder = ts.isClassLike(parent) ? parent.name?.text : owner;
    return [holder, name.getText()].filter(Boolean).join('.');
  }
  const holder = ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent);
  return [owner, holder ? parent.name.getText() : 'callback'].filter(Boolean).join('.');
}

function crowded(files) {
  const counts = new Map();
  for (const file of files) {
    const folder = relative(root, dirname(file));
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return [...counts]
    .filter(([, count]) => count > most.folderFiles)
    .map(
      ([folder, count]) =>
        `${folder}: has ${count} files, over ${most.folderFiles}; give some of them a drawer`,
    );
}
