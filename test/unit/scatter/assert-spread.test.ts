import { MergeError } from 'meridian';
import { describe, expect, it } from 'vitest';
import { HiddenEffects } from '../../../src/rows/raw/hidden-effects.ts';
import { assertSpread } from '../../../src/scatter/judge/assert-spread.ts';
import type { KnownTables } from '../../../src/scatter/judge/known-tables.ts';
import type { PlacedTable } from '../../../src/scatter/judge/placed-table.ts';
import { growsInProportion } from '../../support/judges/growth.ts';

const exact = (name: string, form = 'integer') =>
  ({ name, form, isExact: true, collation: undefined }) as const;
const text = (name: string) =>
  ({ name, form: 'string', isExact: false, collation: 'utf8mb4_general_ci' }) as const;
const table = (name: string, parts: Partial<PlacedTable> = {}): PlacedTable => ({
  name,
  home: 'keyspace k',
  owner: exact('owner'),
  key: exact('id', 'uuid'),
  columns: new Set(['id', 'owner', 'n']),
  ...parts,
});
const placed = [
  table('items'),
  table('notes'),
  table('lines', { owner: exact('item_owner'), columns: new Set(['id', 'item_owner', 'n']) }),
  table('elsewhere', { home: 'group elsewhere' }),
  table('words', { owner: text('owner') }),
  table('letters', { owner: text('owner') }),
  table('marks', { owner: exact('owner', 'uuid') }),
];
const known: KnownTables = {
  placed: new Map(placed.map((one) => [one.name, one])),
  references: new Set(['currencies', 'countries']),
  databases: new Set(['app']),
  effects: new HiddenEffects([
    {
      views: new Map([
        [
          'plain',
          'select `app`.`items`.`id` AS `id` from `app`.`items` where (`app`.`items`.`n` > 1)',
        ],
        [
          'joined',
          'select 1 AS `one` from (`app`.`items` join `app`.`notes` on((`app`.`items`.`owner` = `app`.`notes`.`owner`)))',
        ],
        ['summed', 'select sum(`app`.`items`.`n`) AS `n` from `app`.`items`'],
        ['cut', 'select `app`.`items`.`n` AS `n` from `app`.`items` limit 1'],
        ['distinct_ones', 'select distinct `app`.`items`.`n` AS `n` from `app`.`items`'],
        ['over', 'select `n` AS `n` from `app`.`summed`'],
        ['money', 'select `app`.`currencies`.`code` AS `code` from `app`.`currencies`'],
        ['apart', 'select 1 AS `one` from (`app`.`items` join `app`.`notes`)'],
        ['unseen', undefined],
        ['calling', 'select `app`.`total`() AS `n` from `app`.`items`'],
        ['round', 'select 1 AS `one` from `app`.`round`'],
      ]),
      routines: new Map([
        [
          'total',
          [{ isFunction: true, access: 'CONTAINS SQL', body: 'RETURN (SELECT SUM(n) FROM items)' }],
        ],
        [
          'median_of',
          [
            {
              isFunction: true,
              access: 'CONTAINS SQL',
              body: 'BEGIN LOOP FETCH GROUP NEXT ROW; END LOOP; END',
            },
          ],
        ],
        ['by_way', [{ isFunction: true, access: 'CONTAINS SQL', body: 'RETURN total() + 1' }]],
        ['doubled', [{ isFunction: true, access: 'CONTAINS SQL', body: 'RETURN x * 2' }]],
        ['dark', [{ isFunction: true, access: 'NO SQL', body: undefined }]],
      ]),
    },
  ]),
};
const check = (sql: string) => () => assertSpread(sql, known);

describe('rows that come once', () => {
  it.each([
    'SELECT * FROM items',
    'TABLE items',
    '(SELECT * FROM items)',
    'SELECT * FROM undeclared u WHERE u.n > 1',
    'SHOW TABLES',
    'EXPLAIN SELECT * FROM currencies',
    "SELECT 'FROM currencies', LEFT(v, 1), EXTRACT(YEAR FROM at) FROM items",
    'SELECT n FROM items i, JSON_TABLE(i.doc, \'$[*]\' COLUMNS (d INT PATH "$")) AS j',
    'SELECT * FROM items PARTITION (p0, p1) AS i USE INDEX (a) IGNORE KEY (b) WHERE i.n = 1',
  ])('%s', (sql) => expect(check(sql)).not.toThrow());

  it.each([
    'SELECT * FROM items JOIN currencies c ON c.code = items.v',
    'SELECT * FROM items i LEFT OUTER JOIN `Currencies` AS c USING (v) INNER JOIN app.countries ON TRUE',
    'SELECT * FROM currencies c JOIN items i ON c.code = i.v',
    'SELECT * FROM currencies c RIGHT JOIN items i ON c.code = i.v',
    'SELECT * FROM items, currencies',
    'SELECT * FROM items STRAIGHT_JOIN currencies',
    'SELECT * FROM items NATURAL LEFT JOIN currencies',
    'SELECT * FROM items WHERE v NOT IN (SELECT code FROM currencies)',
    'SELECT (SELECT name FROM currencies c WHERE c.code = i.v) FROM items i',
    'SELECT * FROM items CROSS JOIN (SELECT 1 AS one) x',
    'WITH c AS (SELECT code FROM currencies), d (a) AS (SELECT 1) SELECT * FROM items, c, d',
    'SELECT * FROM items i LEFT JOIN (currencies c JOIN countries o ON o.v = c.v) ON c.code = LEFT(i.v, 3)',
  ])('beside reference tables: %s', (sql) => expect(check(sql)).not.toThrow());

  it.each([
    'SELECT * FROM items i JOIN notes n ON n.owner = i.owner',
    'SELECT * FROM items i INNER JOIN notes AS n ON (n.n > 1 AND (i.owner = n.owner))',
    'SELECT * FROM items JOIN notes USING (n, owner)',
    'SELECT * FROM items NATURAL JOIN notes',
    'SELECT * FROM items, notes WHERE items.owner = `notes`.`owner` AND items.n = 1',
    'SELECT * FROM app.items JOIN app.notes ON app.items.owner = app.notes.owner',
    'SELECT * FROM items i LEFT JOIN notes n ON n.owner = i.owner WHERE n.id IS NULL',
    'SELECT * FROM notes n RIGHT JOIN items i ON n.owner = i.owner',
    'SELECT * FROM items i JOIN lines l ON l.item_owner = i.owner LEFT JOIN notes n ON n.owner = item_owner',
    'SELECT * FROM items i JOIN items o ON o.id = i.id',
    'SELECT * FROM items i JOIN items o ON i.n = o.n AND o.owner = i.owner AND o.id <> i.id',
    'SELECT * FROM items i LEFT JOIN currencies c ON c.v = i.v LEFT JOIN notes n ON n.owner = i.owner',
    'SELECT * FROM items i LEFT JOIN (notes n JOIN lines l ON l.item_owner = n.owner) ON n.owner = i.owner',
    'SELECT * FROM items i WHERE NOT EXISTS (SELECT 1 FROM notes n WHERE n.owner = i.owner)',
    'SELECT (SELECT n.n FROM notes n WHERE n.n > 1 AND n.owner = i.owner) FROM items i',
    'SELECT * FROM items i WHERE i.owner IN (SELECT owner FROM notes)',
    'SELECT * FROM items WHERE n > 1 AND owner NOT IN (SELECT n.owner FROM notes n WHERE n.n > 1)',
    'SELECT * FROM items WHERE id IN (SELECT id FROM items)',
    'SELECT * FROM items i WHERE EXISTS (SELECT 1 FROM currencies c WHERE c.n IN (SELECT n.n FROM notes n WHERE n.owner = i.owner))',
    'SELECT * FROM words w JOIN letters l ON l.owner = w.owner AND BINARY l.owner = BINARY w.owner',
    'SELECT * FROM words w JOIN letters l ON CAST(l.owner AS BINARY) = CAST(w.owner AS BINARY)',
    'SELECT * FROM (SELECT * FROM items i) x WHERE x.n > 1',
    'WITH x AS (SELECT * FROM items) SELECT * FROM x',
    'SELECT * FROM items i WHERE i.n BETWEEN 1 AND 2 AND EXISTS (SELECT 1 FROM notes n WHERE n.n BETWEEN 1 AND 2 AND n.owner = i.owner)',
  ])('of one owner on one shard: %s', (sql) => expect(check(sql)).not.toThrow());
});

describe('rows that would come once from each shard', () => {
  it.each([
    'SELECT 1',
    'SELECT NOW()',
    'SELECT 1 FROM DUAL',
    '(SELECT 1)',
    'VALUES ROW(1)',
    'WITH a AS (SELECT 1) SELECT * FROM a',
    'SELECT n FROM (SELECT 1 AS n) x',
    'SELECT (SELECT 1 FROM DUAL)',
  ])('%s', (sql) => expect(check(sql)).toThrow(/without FROM/));

  it.each([
    'SELECT * FROM currencies',
    'SELECT * FROM app.`Currencies`',
    'TABLE currencies',
    'SELECT c.* FROM (SELECT * FROM currencies) c',
    'WITH c AS (SELECT code FROM currencies) SELECT code FROM c',
    'SELECT * FROM currencies, countries',
    'SELECT * FROM (currencies)',
    'SELECT * FROM ((SELECT * FROM currencies)) c',
    'SELECT code FROM currencies WHERE code IN (SELECT v FROM countries)',
  ])('%s', (sql) => expect(check(sql)).toThrow(/'currencies' is a reference table/));

  it.each([
    'SELECT * FROM `Currencies` c LEFT JOIN items i ON i.v = c.code WHERE i.id IS NULL',
    'SELECT * FROM items i RIGHT JOIN currencies c ON i.v = c.code',
    'SELECT * FROM items i NATURAL RIGHT OUTER JOIN currencies c',
    'SELECT * FROM (SELECT 1 AS one) x LEFT JOIN items ON TRUE',
  ])('%s', (sql) => expect(check(sql)).toThrow(/Rows are kept that have none in 'items'/));
});

describe('rows that a shard would look for among its own', () => {
  it.each([
    'SELECT * FROM items i JOIN notes n ON n.n = i.n',
    'SELECT * FROM items, notes',
    'SELECT * FROM items i LEFT JOIN notes n ON n.n = i.n WHERE n.id IS NULL',
    'SELECT * FROM items i JOIN notes n ON n.owner = i.owner OR n.n = 1',
    'SELECT * FROM items i JOIN notes n ON n.owner = i.owner || n.n = 1',
    'SELECT * FROM items i JOIN notes n ON n.n BETWEEN 0 AND n.owner = i.owner',
    'SELECT * FROM items i JOIN notes n ON CASE WHEN n.n = 1 AND n.owner = i.owner THEN 1 ELSE 1 END',
    'SELECT * FROM items i JOIN notes n ON NOT (n.n = 1 AND n.owner = i.owner)',
    'SELECT * FROM items i JOIN notes n ON n.owner <=> i.owner',
    'SELECT * FROM items i JOIN notes n ON n.owner = i.owner + 1',
    'SELECT * FROM items i JOIN notes n ON n.owner = i.id',
    'SELECT * FROM items i JOIN notes n ON n.id = i.id',
    'SELECT * FROM items i JOIN notes n USING (n)',
    'SELECT * FROM items NATURAL JOIN lines',
    'SELECT * FROM items i JOIN notes n LEFT JOIN lines l ON l.item_owner = i.owner AND l.item_owner = n.owner',
    'SELECT * FROM items WHERE EXISTS (SELECT 1 FROM notes)',
    'SELECT * FROM items i WHERE i.n NOT IN (SELECT n.n FROM notes n)',
    'SELECT * FROM items i WHERE 1 + i.owner IN (SELECT n.owner FROM notes n)',
    'SELECT * FROM items i WHERE i.owner IN (SELECT n.n FROM notes n)',
    'SELECT * FROM items i WHERE i.owner IN (TABLE notes)',
    'SELECT * FROM items i WHERE i.owner NOT IN (SELECT n.owner FROM lines l LEFT JOIN notes n ON n.owner = l.item_owner)',
    'SELECT * FROM items i WHERE EXISTS (SELECT 1 FROM notes n WHERE n.owner = owner)',
    'SELECT * FROM items i WHERE EXISTS (SELECT 1 FROM notes i WHERE i.owner = i.owner)',
    'SELECT * FROM items i WHERE EXISTS (SELECT 1 FROM notes n, lines l WHERE n.owner = i.owner)',
    'SELECT (SELECT n.n FROM notes n WHERE n.n = i.n) FROM items i',
    'SELECT (SELECT n FROM items)',
    'SELECT * FROM currencies c WHERE c.code NOT IN (SELECT v FROM items)',
    'SELECT * FROM items i JOIN (SELECT * FROM notes) n ON n.owner = i.owner',
    'WITH x AS (SELECT * FROM items) SELECT * FROM x a JOIN x b ON a.owner = b.owner',
    'SELECT * FROM items i JOIN undeclared u ON u.owner = i.owner',
    'SELECT * FROM items i JOIN elsewhere e ON e.owner = i.owner',
    'SELECT * FROM items i JOIN marks m ON m.owner = i.owner',
    'SELECT * FROM words w JOIN letters l ON l.owner = w.owner',
    'SELECT * FROM words w JOIN letters l ON BINARY l.owner = w.owner',
    'SELECT * FROM items i ORDER BY (SELECT n FROM notes)',
    'SELECT * FROM items i JOIN currencies c ON c.n IN (SELECT n FROM notes)',
  ])('%s', (sql) => expect(check(sql)).toThrow(/is read (beside|for itself).+each\(\)/));
});

describe('what a text does not show', () => {
  it.each([
    'SELECT * FROM plain',
    'SELECT * FROM joined j JOIN currencies c ON TRUE',
    'SELECT * FROM items i, money m WHERE m.code = i.v',
    'SELECT doubled(n), LENGTH(n) FROM items',
    'SELECT dark FROM items WHERE total = 1',
  ])('%s is as its definition', (sql) => expect(check(sql)).not.toThrow());

  it.each([
    ['SELECT * FROM summed', /'summed' is a view with 'SUM\(\)'/],
    ['SELECT * FROM items WHERE n IN (SELECT n FROM app.cut)', /'cut' is a view with 'LIMIT'/],
    ['SELECT * FROM distinct_ones', /'distinct_ones' is a view with 'DISTINCT'/],
    ['SELECT * FROM over', /'summed' is a view/],
    ['SELECT * FROM money', /'currencies' is a reference table/],
    ['SELECT * FROM apart', /'notes' is read beside 'items'/],
    ['SELECT * FROM plain p JOIN items i ON i.id = p.id', /'items' is read beside 'plain'/],
    ['SELECT * FROM unseen', /'unseen' is a view, and what it selects is not known/],
    ['SELECT * FROM calling', /'calling' is a view with 'total'/],
    ['SELECT * FROM round', /'round' is a view/],
    ['SELECT total() FROM items', /'total\(\)' is a stored function/],
    ['SELECT app.by_way () FROM items', /'by_way\(\)' is a stored function/],
    ['SELECT `Median_Of`(n) FROM items', /'median_of\(\)' is a stored function/],
    ['SELECT dark(n) FROM items', /'dark\(\)' is a stored function/],
  ])('%s is refused', (sql, message) => {
    expect(check(sql)).toThrow(message);
    expect(check(sql)).toThrow(/each\(\)/);
  });
});

describe('tables of another database are not those of the same name', () => {
  it.each([
    'SELECT * FROM items i JOIN other.notes n ON n.owner = i.owner',
    'SELECT * FROM items i JOIN other.currencies c ON c.code = i.v',
    'SELECT * FROM items i JOIN other.money m ON m.code = i.v',
    'SELECT * FROM items i WHERE i.owner IN (SELECT owner FROM other.notes)',
  ])('%s', (sql) => expect(check(sql)).toThrow(/'other\.\w+' is read beside 'items'.+each\(\)/));

  it('nor where the shards have databases of different names, but for what a view of theirs names', () => {
    const apart = { ...known, databases: new Set(['app', 'app_2']) };
    const join = 'SELECT * FROM app.items i JOIN app.notes n ON n.owner = i.owner';
    expect(() => assertSpread(join, apart)).toThrow(/'app.notes' is read beside 'app.items'/);
    expect(() => assertSpread('SELECT * FROM joined', apart)).not.toThrow();
  });
});

describe('what is not understood', () => {
  it.each([
    'SELECT * FROM items i LEFT JOIN notes n JOIN lines l ON l.item_owner = n.owner ON n.owner = i.owner',
    'SELECT * FROM items FULL JOIN currencies ON TRUE',
    'SELECT * FROM items FULL OUTER JOIN currencies ON TRUE',
    'SELECT * FROM items, LATERAL (SELECT 1) x',
    'SELECT * FROM items FOR SYSTEM_TIME ALL, notes',
    'SELECT * FROM items i, notes i',
    'SELECT * FROM { OJ items LEFT JOIN currencies ON TRUE }',
    'SELECT * FROM made_by(1) m',
    'SELECT n FROM items UNION SELECT n FROM items',
    'SELECT * FROM items)',
    `SELECT ${'('.repeat(200)}1${')'.repeat(200)} FROM items`,
  ])('%s', (sql) => expect(check(sql)).toThrow(MergeError));
});

describe('is linear in the length of any text', () => {
  let texts = 0;
  it.each([
    ['SELECT * FROM items WHERE a = 1', ' AND (n = 1)', ''],
    ['SELECT * FROM items WHERE', ' n BETWEEN 1 AND', ' 2'],
    ['SELECT * FROM items WHERE', ' owner IN (SELECT owner FROM notes) AND', ' TRUE'],
    ['SELECT 1', ', (SELECT 1)', ' FROM items'],
    ['SELECT 1 FROM items', ', (SELECT 1) x', ''],
    ['WITH a AS (SELECT 1)', ', a AS (SELECT 1)', ' SELECT * FROM items'],
    ['SELECT ', '(', ''],
    ['SELECT ', ')', ''],
  ] as const)('%s%s …', (head, part, tail) =>
    growsInProportion((size) => {
      // Another text each time, for what was found of one is remembered.
      const sql = `${head}${part.repeat(size / part.length)}${tail} -- ${texts++}`;
      try {
        assertSpread(sql, known);
      } catch (error) {
        expect(error).toBeInstanceOf(MergeError);
      }
    }, 20_000),
  );
});
