import { fileTopology } from 'meridian';
import { expect, it } from 'vitest';

it.each([
  ['none.json', /can not be read: there is no such file/],
  ['src', /can not be read: it is a folder/],
  ['README.md', /is not JSON/],
])('%s: why it is no topology', async (path, why) => {
  await expect(fileTopology(path).load()).rejects.toMatchObject({
    problems: [{ path, message: expect.stringMatching(why) }],
  });
});
