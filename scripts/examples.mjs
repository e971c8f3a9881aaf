/**
 * The examples of the docstrings: each public symbol has one, or leads by `@see` to one that has, and all of
 * them compile. An example may name what its door exports, and what test/support/docs/example-context.ts declares.
 */
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { root } from './run.mjs';

const contextFile = join(root, 'test', 'support', 'docs', 'example-context.ts');
/** Types that are filled in or called by the user have an example of their own, as all that runs has. */
const filledIn = /(Options|Definition|Handle)$/;

/** What lacks an example, and what is wrong with those that there are. */
export function examples() {
  const settings = ts.getParsedCommandLineOfConfigFile(
    join(root, 'tsconfig.json'),
    {
      noEmit: true,
      noUnusedLocals: false,
      noUnusedParameters: false,
      verbatimModuleSyntax: false,
    },
    { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => {} },
  );
  const doors = doorsOf(join(root, 'src'));
  const program = ts.createProgram([...doors.values(), contextFile], settings.options);
  const symbols = publicSymbols(program, doors);
  const lines = [...symbols.values()].flatMap((symbol) => lacks(symbol, symbols));
  lines.push(...compiled(program, settings.options, doors, symbols));
  return { code: lines.length === 0 ? 0 : 1, output: lines.join('\n') };
}

/** By what it is imported from: the file. */
function doorsOf(source) {
  const rooms = readdirSync(source, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .filter((name) => ts.sys.fileExists(join(source, name, 'index.ts')));
  return new Map([
    ['meridian', join(source, 'index.ts')],
    ...rooms.map((room) => [`meridian/${room}`, join(source, room, 'index.ts')]),
  ]);
}

/** By name and declaration: doors, place, tags. */
function publicSymbols(program, doors) {
  const checker = program.getTypeChecker();
  const found = new Map();
  for (const [door, file] of doors) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file));
    for (const exported of checker.getExportsOfModule(module)) {
      const isAlias = (exported.flags & ts.SymbolFlags.Alias) !== 0;
      const symbol = isAlias ? checker.getAliasedSymbol(exported) : exported;
      const known = found.get(symbol);
      if (known !== undefined) known.doors.push(door);
      else found.set(symbol, described(symbol, exported.name, door, checker));
    }
  }
  return found;
}

function described(symbol, name, door, checker) {
  const [declaration] = symbol.declarations;
  const source = declaration.getSourceFile();
  const line = source.getLineAndCharacterOfPosition(declaration.getStart()).line + 1;
  const tags = symbol.getJsDocTags(checker);
  const texts = (tag) =>
    tags
      .filter((one) => one.name === tag)
      .map(({ text }) => (text ?? []).map((part) => part.text).join(''));
  const see = texts('see').flatMap((text) => [...text.matchAll(/\{@link (\w+)/g)]);
  return {
    name,
    doors: [door],
    place: `${relative(root, source.fileName)}:${line}`,
    isType: ts.isInterfaceDeclaration(declaration) || ts.isTypeAliasDeclaration(declaration),
    examples: texts('example'),
    see: see.map(([, target]) => target),
  };
}

function lacks({ name, place, isType, examples: own, see }, symbols) {
  if (own.length > 0) return [];
  if (!isType || filledIn.test(name)) return [`${place}: ${name} has no @example`];
  const leads = see.some((target) =>
    [...symbols.values()].some((one) => one.name === target && one.examples.length > 0),
  );
  return leads
    ? []
    : [`${place}: ${name} has neither an @example nor a @see {@link …} to a public name that has`];
}

/** What the compiler says of all examples, each a module of its own. */
function compiled(program, options, doors, symbols) {
  const known = knownNames(program, doors);
  const modules = new Map();
  for (const { name, doors: own, place, examples: texts } of symbols.values()) {
    texts.forEach((text, index) => {
      const file = join(root, 'test', 'support', 'docs', `example-${name}-${index}.ts`);
      modules.set(file, { place, name, text: moduleOf(text, (free) => known(free, own)) });
    });
  }
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (file) => modules.has(file) || fileExists(file);
  host.readFile = (file) => modules.get(file)?.text ?? readFile(file);
  host.getSourceFile = (file, ...rest) => {
    const module = modules.get(file);
    if (module !== undefined) return ts.createSourceFile(file, module.text, options.target, true);
    return program.getSourceFile(file) ?? getSourceFile(file, ...rest);
  };
  const all = ts.createProgram([...modules.keys()], options, host, program);
  return [...modules].flatMap(([file, { place, name }]) => {
    const source = all.getSourceFile(file);
    const faults = [...all.getSyntacticDiagnostics(source), ...all.getSemanticDiagnostics(source)];
    return faults.map(
      ({ messageText }) =>
        `${place}: the example of ${name}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    );
  });
}

/** Where a name is imported from: the context, else a door that has it, the example's own first. */
function knownNames(program, doors) {
  const checker = program.getTypeChecker();
  const namesOf = (file) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file));
    return new Set(checker.getExportsOfModule(module).map(({ name }) => name));
  };
  const context = namesOf(contextFile);
  const byDoor = new Map([...doors].map(([door, file]) => [door, namesOf(file)]));
  return (name, own) => {
    if (context.has(name)) return './example-context.ts';
    return [...own, ...doors.keys()].find((door) => byDoor.get(door).has(name));
  };
}

/** An example with imports of the names that it uses and does not have. */
function moduleOf(text, sourceOf) {
  const source = ts.createSourceFile('example.ts', text, ts.ScriptTarget.Latest, true);
  const declared = new Set();
  const used = new Set();
  const visit = (node) => {
    if (ts.isIdentifier(node)) (isDeclared(node) ? declared : used).add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  const imports = [...used]
    .filter((name) => !declared.has(name) && sourceOf(name) !== undefined)
    .map((name) => `import { ${name} } from '${sourceOf(name)}';`);
  return `${imports.join('\n')}\n${text}\nexport {};\n`;
}

function isDeclared(node) {
  const { parent } = node;
  return 'name' in parent && parent.name === node && !ts.isPropertyAccessExpression(parent)
    ? !ts.isShorthandPropertyAssignment(parent) && !ts.isPropertyAssignment(parent)
    : false;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { code, output } = examples();
  console.log(output);
  process.exitCode = code;
}
