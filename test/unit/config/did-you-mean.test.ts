import { expect, it } from 'vitest';
import { nearestName } from '../../../src/config/did-you-mean.ts';

it.each([
  ['su-1', ['eu-1', 'us-1'], 'us-1'],
  ['su-1', ['us-1', 'eu-1'], 'us-1'],
  ['ue', ['us', 'eu'], undefined],
  ['legder', ['lodger', 'ledger'], 'ledger'],
  ['cent', ['cents', 'ent'], 'cents'],
  // As many mistakes as there may be, and one more.
  ['badc', ['abcd'], undefined],
  ['badcef', ['abcdef'], 'abcdef'],
])('%s among %s means %s', (name, candidates, meant) => {
  expect(nearestName(name, candidates)).toBe(meant);
});
