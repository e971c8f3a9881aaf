import { expect, it } from 'vitest';
import type { Routine } from '../../../../src/mysql/schema/schema-objects.ts';
import { tokensOf } from '../../../../src/mysql/sql/sql-tokens.ts';
import { HiddenEffects, runTextOf } from '../../../../src/rows/raw/hidden-effects.ts';

const functionOf = (body: string | undefined, access = 'CONTAINS SQL'): readonly Routine[] => [
  { isFunction: true, access, body },
];
const effects = new HiddenEffects([
  {
    views: new Map<string, string | undefined>([
      ['by_view', 'select `app`.`insert_one`() AS `n` from `app`.`notes`'],
      ['over_it', 'select `by_view`.`n` AS `n` from `app`.`by_view`'],
      [
        'plain',
        'select `t`.`update` AS `update`, replace(`t`.`a`, 1, 2) AS `b` from `app`.`items` `t`',
      ],
      ['unseen', undefined],
    ]),
    routines: new Map<string, readonly Routine[]>([
      ['says_so', functionOf(undefined, 'MODIFIES SQL DATA')],
      ['insert_one', functionOf('BEGIN INSERT INTO side VALUES (1); RETURN 1; END')],
      ['by_call', functionOf('BEGIN CALL anything(); RETURN 1; END')],
      ['by_other', functionOf('RETURN `insert_one` () + 1')],
      ['by_comment', functionOf('BEGIN /*!50000 DELETE FROM side */; RETURN 1; END')],
      ['by_number', functionOf('RETURN NEXT VALUE FOR numbers')],
      ['around', functionOf('RETURN (SELECT MAX(n) FROM over_it)')],
      [
        'formula',
        functionOf("RETURN INSERT(REPLACE(a, 'DELETE', 'UPDATE'), 1, 1, '') /* CALL x */"),
      ],
      ['reader', functionOf('RETURN (SELECT MAX(n) FROM items FOR UPDATE)', 'READS SQL DATA')],
      ['writer', functionOf('BEGIN UPDATE plain SET b = 1; RETURN 1; END')],
      ['a_procedure', [{ isFunction: false, access: 'MODIFIES SQL DATA', body: undefined }]],
    ]),
  },
]);

it('finds functions that change something, and the views and functions that call them', () => {
  expect([...effects.writers].toSorted()).toEqual([
    'around',
    'by_call',
    'by_comment',
    'by_number',
    'by_other',
    'by_view',
    'insert_one',
    'over_it',
    'says_so',
    'writer',
  ]);
});

it.each<[string, string | undefined]>([
  ['SELECT Insert_One() AS n', 'insert_one'],
  ['SELECT app.`insert_one` () AS n', 'insert_one'],
  ['SELECT n FROM `app`.`over_it`', 'over_it'],
  ["SELECT insert_one, 'insert_one()' -- insert_one()\nFROM items", undefined],
  ['SELECT formula(1), reader(2) FROM plain', undefined],
])('%s runs %s', (sql, name) => {
  expect(effects.runIn(tokensOf(sql), effects.writers)).toBe(name);
});

it.each<[string, boolean]>([
  ['UPDATE items SET n = 1', true],
  ['UPDATE `PLAIN` SET b = 1', true],
  ['SET @x = writer()', true],
  ['SET @x = says_so()', true],
  ['CALL a_procedure()', true],
  ['SET @x = insert_one()', false],
  ['SET @x = reader(1)', false],
  ['UPDATE unseen SET b = 1', false],
  ["UPDATE side SET text = 'items'", false],
])('%s may change items: %s', (body, may) => {
  expect(effects.mayChange('Items', tokensOf(body))).toBe(may);
});

it('a body without its comments has what servers run of them', () => {
  expect(
    runTextOf('SET NEW./* c */t = 1 -- x\n; /*!50101 SET /* y */ a = 1 */').split(/\s+/),
  ).toEqual(expect.arrayContaining(['SET', 't', '=', '1', ';', 'SET']));
});
