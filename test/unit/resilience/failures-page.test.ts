import { readFileSync } from 'node:fs';
import { classifyError } from 'meridian/resilience';
import { expect, it } from 'vitest';

const page = readFileSync(new URL('../../../docs/guides/failures.md', import.meta.url), 'utf8');

/** Texts without which a number says something else. */
const messages = new Map([
  [1290, 'running with the --read-only option'],
  [4031, 'disconnected by the server because of inactivity'],
]);

const answers = (errno: number) => {
  const { kind, repeat, connection } = classifyError({ errno, message: messages.get(errno) });
  return { kind, repeat, connection };
};

it('the page lists each number that is told apart, with the answer of the code', () => {
  const listed = new Map(
    [...page.matchAll(/^\| (\d+) \|[^|]+\| (\S+) \| (\S+) \| (\S+) \|$/gm)].map(
      ([, errno, kind, repeat, connection]) => [Number(errno), { kind, repeat, connection }],
    ),
  );
  const refusal = answers(1064);
  const known = Array.from({ length: 5_000 }, (_, errno) => errno + 1).filter(
    (errno) => JSON.stringify(answers(errno)) !== JSON.stringify(refusal),
  );
  expect([...listed.keys()].toSorted()).toEqual(known.toSorted());
  for (const [errno, answer] of listed)
    expect({ errno, ...answer }).toEqual({ errno, ...answers(errno) });
});
