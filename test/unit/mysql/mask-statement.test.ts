import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskStatement } from '../../../src/mysql/sql/mask-statement.ts';

const secret = 'hunter2';

describe('a masked statement', () => {
  it.each([
    [`SELECT '${secret}'`, 'SELECT ?'],
    [`SELECT "${secret}"`, 'SELECT ?'],
    [`SELECT 'it''s ${secret}'`, 'SELECT ?'],
    [`SELECT 'a\\'${secret}'`, 'SELECT ?'],
    [`SELECT '${secret}`, 'SELECT ?'],
    [`SELECT 1 /* ${secret} */`, 'SELECT ?'],
    [`SELECT 1 /* ${secret}`, 'SELECT ?'],
    [`SELECT 1 -- ${secret}\n, 2`, 'SELECT ? , ?'],
    [`SELECT 1 # ${secret}`, 'SELECT ?'],
    ['SELECT 42, -1.5, 1e5, .25, 0xCAFE, 0b1011', 'SELECT ?, -?, ?, ?, ?, ?'],
    ["SELECT x'CAFE', b'01'", 'SELECT x?, b?'],
    ['SELECT `a 1`.t2 FROM t_3', 'SELECT `a 1`.t2 FROM t_3'],
    ['SELECT\n  a,\t b', 'SELECT a, b'],
  ])('%s', (sql, masked) => expect(maskStatement(sql)).toBe(masked));

  it('holds no literal, wherever it stands', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'SELECT ',
        ' WHERE a = ',
        '`b`',
        ', ',
        '(',
        ')',
        ' -- x\n',
        " /* ' */ ",
        '\n',
      ),
      fc.string({ maxLength: 8 }).map((text) => quote(`${text}${secret}`, "'")),
      fc.string({ maxLength: 8 }).map((text) => quote(`${secret}${text}`, '"')),
      fc.constantFrom(`/* " ${secret} */`, `-- ' ${secret}\n`, `# " ${secret}\n`),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        expect(maskStatement(pieces.join(''))).not.toContain(secret);
      }),
    );
  });

  it('is bounded', () => {
    expect(maskStatement(`SELECT ${'a, '.repeat(1_000)}a`).length).toBeLessThan(310);
  });
});

function quote(text: string, mark: string): string {
  return mark + text.replaceAll('\\', '\\\\').replaceAll(mark, mark + mark) + mark;
}
