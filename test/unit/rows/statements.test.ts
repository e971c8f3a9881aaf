import { describe, expect, it } from 'vitest';
import { quoteName } from '../../../src/mysql/sql/sql.ts';
import { tableStatements } from '../../../src/rows/statements.ts';

const source = {
  table: 'us`ers',
  columns: ['id', 'na`me'],
  key: 'id',
  exactKey: true,
  shardKey: 'id',
  exactShardKey: true,
};
const exact = tableStatements(source);
const loose = tableStatements({ ...source, exactKey: false });

describe('the statements of a table', () => {
  it('quote every name, so that none can end its quotes', () => {
    expect(quoteName('a`b')).toBe('`a``b`');
    expect(exact.insert([[1, 2]]).sql).toBe('INSERT INTO `us``ers` (`id`, `na``me`) VALUES (?, ?)');
    expect(exact.update(['na`me'], ['x'], 1)).toEqual({
      sql: 'UPDATE `us``ers` SET `na``me` = ? WHERE `id` = ?',
      params: ['x', 1],
    });
    expect(exact.remove(1)).toEqual({ sql: 'DELETE FROM `us``ers` WHERE `id` = ?', params: [1] });
  });

  it('ask for keys in sizes that are powers of two, padded with a repeat', () => {
    for (const [count, size] of [
      [1, 1],
      [2, 2],
      [3, 4],
      [5, 8],
      [200, 256],
      [256, 256],
    ] as const) {
      const keys = Array.from({ length: count }, (_, index) => index);
      const { sql, params } = exact.selectByKeys(keys);
      expect(sql.match(/\?/g)).toHaveLength(size);
      expect(params).toHaveLength(size);
      expect(new Set(params)).toEqual(new Set(keys));
      expect(exact.selectByKeys(keys).sql).toBe(sql);
    }
  });

  it('compare bytes where the collation would not', () => {
    expect(loose.update(['na`me'], ['x'], 'ada').params).toEqual(['x', 'ada', 'ada']);
    expect(loose.remove('ada').sql).toMatch(
      /`id` = \? AND CAST\(CONVERT\(`id` USING utf8mb4\) AS BINARY\) =/,
    );
    expect(loose.remove('ada').params).toEqual(['ada', 'ada']);
  });

  it('stay prepared only in the sizes that come again', () => {
    const rows = (count: number) => Array.from({ length: count }, () => [1, 'x']);
    expect(exact.insert(rows(1)).once).toBe(false);
    expect(exact.insert(rows(256)).once).toBe(false);
    expect(exact.insert(rows(17)).once).toBe(true);
    expect(exact.insert(rows(3)).params).toHaveLength(6);
  });
});
