import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { beforeAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const file = `${root}quick-info.ts`;
const program = `
import { createDataLayer, defineTable } from 'meridian';
import { z } from 'zod';

const users = defineTable({
  name: 'users', keyspace: 'people', primaryKey: 'id',
  place: (user) => ({ country: user.country }),
  schema: z.object({ id: z.uuid(), country: z.string(), name: z.string() }),
});
const transactions = defineTable({
  name: 'transactions', keyspace: 'ledger', primaryKey: 'id', shardKey: 'account_id',
  schema: z.object({ id: z.uuid(), account_id: z.uuid(), cents: z.bigint() }),
});
const codes = defineTable({
  name: 'codes', reference: true, primaryKey: 'id',
  schema: z.object({ id: z.string(), label: z.string() }),
});
const tables = { users, transactions, codes };
const data = await createDataLayer({ topology: 'topology.json', redis: false, tables });
export const handle = data.users;
export const row = await data.users.get('');
export const inserted = await data.users.insert({ country: 'DE', name: 'Ada' });
export const updated = await data.users.update(inserted.id, { name: 'Ada' });
export const shard = data.users.at(inserted.id);
export const listed = await shard.list();
export const everywhere = data.users.everywhere;
export const label = await data.codes.get('a');
export const typed = await shard.query('SELECT 1 AS n', [], { schema: z.object({ n: z.int() }) });
`;

let service: ts.LanguageService;

beforeAll(() => {
  const { config } = ts.readConfigFile(`${root}/tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  service = ts.createLanguageService({
    getCompilationSettings: () => options,
    getScriptFileNames: () => [file],
    getScriptVersion: () => '1',
    getScriptSnapshot: (name) => {
      if (name === file) return ts.ScriptSnapshot.fromString(program);
      return ts.sys.fileExists(name)
        ? ts.ScriptSnapshot.fromString(readFileSync(name, 'utf8'))
        : undefined;
    },
    getCurrentDirectory: () => root,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    fileExists: (name) => name === file || ts.sys.fileExists(name),
    readFile: ts.sys.readFile,
    directoryExists: ts.sys.directoryExists,
    getDirectories: ts.sys.getDirectories,
  });
}, 60_000);

/** What an editor shows over the end of the first place where the text stands. */
function shown(text: string): string {
  const at = program.indexOf(text) + text.length - 1;
  const { displayParts = [] } = service.getQuickInfoAtPosition(file, at) ?? {};
  return displayParts
    .map((part) => part.text)
    .join('')
    .replace(/\s+/g, ' ');
}

it.each([
  [
    'const row',
    'const row: { readonly id: string; readonly country: string; readonly name: string; } | null',
  ],
  [
    'const inserted',
    'const inserted: { readonly id: string; readonly country: string; readonly name: string; }',
  ],
  [
    'const listed',
    'const listed: { readonly id: string; readonly country: string; readonly name: string; }[]',
  ],
  ['const label', 'const label: { readonly id: string; readonly label: string; } | null'],
  ['const typed', 'const typed: { readonly n: number; }[]'],
  ['const updated', 'const updated: WriteResult'],
])('%s shows its columns', (text, expected) => {
  expect(shown(text)).toBe(expected);
});

it('parameters show their columns', () => {
  expect(shown('users.insert')).toContain(
    '.insert(row: { name: string; country: string; id?: string; }, options?: InsertOptions)',
  );
  expect(shown('users.update')).toContain(
    '.update(key: string, patch: { name?: string; country?: string; }, options?: CallOptions)',
  );
});

it('handles are named', () => {
  expect(shown('const handle')).toMatch(/^const handle: TableHandle<Table<"users", "people",/);
  expect(shown('const shard')).toMatch(/^const shard: ShardHandle<Table<"users", "people",/);
  expect(shown('const everywhere')).toBe('const everywhere: EverywhereHandle');
});
