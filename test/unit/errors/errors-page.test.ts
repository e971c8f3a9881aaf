import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const root = new URL('../../../', import.meta.url);
const page = readFileSync(new URL('docs/errors.md', root), 'utf8');

function codesInSource(): Set<string> {
  const files = readdirSync(new URL('src/', root), { recursive: true, encoding: 'utf8' });
  const texts = files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(new URL(`src/${file}`, root), 'utf8'));
  // What begins with MERIDIAN_TEST_ is a variable of the environment.
  return new Set(texts.join('\n').match(/(?<=')MERIDIAN_(?!TEST_)[A-Z_]+(?=')/g));
}

const sections = new Map(
  page
    .split(/^### /m)
    .slice(1)
    .map((section) => [section.split('\n', 1)[0] ?? '', section]),
);

it('docs/errors.md has every code of the source, and no other', () => {
  expect([...sections.keys()].sort()).toEqual([...codesInSource()].sort());
});

it('docs/errors.md says of each code whether to retry, the outcome, the cause and the cure', () => {
  for (const [code, section] of sections) {
    for (const word of ['Class:', 'Retryable:', 'Outcome:', 'Cause:', 'Cure:']) {
      expect(section, code).toContain(word);
    }
  }
});
