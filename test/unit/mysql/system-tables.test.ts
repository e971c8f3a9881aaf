import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { systemTableDdl } from '../../../src/mysql/schema/system-tables.ts';

const source = fileURLToPath(new URL('../../../src/', import.meta.url));

/** The files in which each name of a table of Meridian's own is written out. */
function homes(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' });
  for (const file of files.filter((name) => name.endsWith('.ts')).toSorted()) {
    const text = readFileSync(`${source}/${file}`, 'utf8');
    for (const [, name = ''] of text.matchAll(/(?<![\w@])(meridian_[a-z]+)(?!\w)/g)) {
      const known = found.get(name) ?? [];
      if (!known.includes(file)) found.set(name, [...known, file]);
    }
  }
  return found;
}

describe('system tables', () => {
  it('stand by name only in the room that declares them', () => {
    expect(Object.fromEntries([...homes()].toSorted())).toEqual({
      meridian_directory: ['directory/directory-table.ts'],
      meridian_facts: ['identity/facts-table.ts'],
      meridian_forward: ['forwarding/forward-table.ts'],
      meridian_idempotency: ['commit/idempotency-table.ts'],
      meridian_identity: ['identity/identity-table.ts'],
      meridian_moves: ['forwarding/forward-table.ts'],
      meridian_settlement: ['commit/commit-record-table.ts'],
    });
  });

  it('are made where they are missing, the same on every server', () => {
    expect(systemTableDdl({ name: 'meridian_one', columns: 'id INT' })).toBe(
      'CREATE TABLE IF NOT EXISTS meridian_one (\n  id INT\n) ENGINE=InnoDB DEFAULT CHARACTER SET ascii COLLATE ascii_bin',
    );
  });
});
