import { describe, expect, it } from 'vitest';
import { tokensOf } from '../../../src/mysql/sql/sql-tokens.ts';
import { growsInProportion } from '../../support/judges/growth.ts';

const shown = (sql: string) => tokensOf(sql).map(({ kind, text }) => `${kind}:${text}`);

describe('the tokens of a text', () => {
  it.each<[string, string[]]>([
    ["select 'a''b\\'c' x", ['word:SELECT', "text:'a''b\\'c'", 'word:X']],
    ['`a``b`.`c`', ['name:a`b', 'symbol:.', 'name:c']],
    ['a--b', ['word:A', 'symbol:-', 'symbol:-', 'word:B']],
    ['a-- b\nc', ['word:A', 'word:C']],
    ['a--', ['word:A']],
    ['a#b\nc', ['word:A', 'word:C']],
    ['a/*b*/c', ['word:A', 'word:C']],
    ['@a.b @@c :=', ['variable:@a.b', 'symbol:@@', 'word:C', 'symbol::=']],
    [
      '1e5FROM 1.FROM .5FROM',
      ['number:1e5', 'word:FROM', 'number:1.', 'word:FROM', 'number:.5', 'word:FROM'],
    ],
    ['1eFROM 0x1F 0b11 1a', ['word:1EFROM', 'number:0x1F', 'number:0b11', 'word:1A']],
    ['1.e(a)', ['hidden:1.e', 'symbol:(', 'word:A', 'symbol:)']],
    ['/*!1*/ /*M! 2 */ /*+ a */', ['hidden:/*!1*/', 'hidden:/*M! 2 */']],
    ['/*+ `*/ `', ['hidden:/*+ `*/', 'open:`']],
    ["'a", ["open:'a"]],
    ['$$ a $$', ['hidden:$$', 'word:A', 'hidden:$$']],
    ['a\0b', ['word:A', 'hidden:\0', 'word:B']],
    ['-- a\0b', ['hidden:\0', 'word:B']],
  ])('%j', (sql, tokens) => expect(shown(sql)).toEqual(tokens));

  it('A13: only the server’s own spaces separate, and end a line comment’s sign', () => {
    for (const space of ['\t', '\n', '\v', '\f', '\r', ' ']) {
      expect(shown(`a${space}b`)).toEqual(['word:A', 'word:B']);
      expect(shown(`a--${space}b\nc`).at(-1)).toBe('word:C');
    }
    for (const space of ['\u00a0', '\u1680', '\u2003', '\u2028', '\u3000', '\ufeff', '\u0085']) {
      expect(shown(`a${space}b`)).toEqual([`word:A${space}B`]);
      expect(shown(`a--${space}b`)).toHaveLength(4);
    }
  });

  it('knows how deep a token is, and a name after a dot', () => {
    const tokens = tokensOf('a (b (limit) t.limit) limit');
    expect(tokens.filter(({ text }) => text === 'LIMIT').map(({ depth }) => depth)).toEqual([
      2, 1, 0,
    ]);
    expect(tokens.filter(({ qualified }) => qualified)).toHaveLength(1);
  });

  it('Z11: is linear in the length of any text', async () => {
    for (const part of [
      "\\'",
      "'",
      '"',
      '`',
      '/*',
      '--',
      '-- ',
      '#',
      '1',
      '1.',
      '1e',
      '.',
      '@',
      '(',
      '/',
      '\\',
      'a.',
      '1.1e',
      ' ',
      '$',
      '0x',
    ]) {
      for (const head of ['', "'", '"', '`', '/*', '/*+']) {
        await growsInProportion((size) => tokensOf(head + part.repeat(size / part.length)), 5_000);
      }
    }
  });
});
