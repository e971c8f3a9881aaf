import type { Violation } from './checker.ts';
import type { History, Moment, Read, Write } from './history.ts';

const neighbours = 3;

/** One line of what happened. */
interface Line {
  readonly at: Moment;
  readonly text: string;
}

/**
 * Tells what happened round a violation: the writes from the version that was returned to the one
 * that was due, the reads of that key just before and after, and what was broken on purpose then.
 */
export function accountOf(
  { kind, read, floor, lateMs }: Violation,
  { writes, reads }: History,
  events: readonly Line[] = [],
): string {
  const since = (moment: Moment) => `${((moment - read.begun) / 1_000).toFixed(1)} ms`;
  const oldest = read.version ?? floor - 1;
  const involved = writes.filter(
    ({ key, version }) => key === read.key && version >= oldest && version <= floor + 1,
  );
  const lines = [
    ...involved.flatMap((write) => linesOfWrite(write, read.cache)),
    ...near(reads, read),
  ];
  const from = Math.min(read.begun, ...lines.map(({ at }) => at));
  lines.push(...events.filter(({ at }) => at >= from && at <= read.ended));
  lines.sort((a, b) => a.at - b.at);
  const said = read.version === null ? 'null' : `version ${read.version}`;
  const verdict =
    kind === 'stale'
      ? `at least version ${floor} was due, acknowledged ${lateMs.toFixed(1)} ms before`
      : 'which nobody had begun to write';
  return [
    `${kind}: ${read.process} read ${read.key} from ${read.cache} and got ${said}; ${verdict}`,
    ...lines.map(({ at, text }) => `  ${since(at).padStart(12)}  ${text}`),
  ].join('\n');
}

function linesOfWrite(
  { process, version, isAbsent, begun, acknowledged }: Write,
  cache: string,
): Line[] {
  const what = `version ${version}${isAbsent ? ' (absent)' : ''}`;
  const given = acknowledged.get(cache);
  return [
    { at: begun, text: `${process} begins to write ${what}` },
    given === undefined
      ? { at: begun, text: `${process} dies before ${what} is acknowledged` }
      : { at: given.at, text: `${process} acknowledges ${what}: ${given.outcome}` },
  ];
}

function near(reads: readonly Read[], read: Read): Line[] {
  const same = reads.filter(({ key, cache }) => key === read.key && cache === read.cache);
  same.sort((a, b) => a.begun - b.begun);
  const place = same.indexOf(read);
  return same.slice(Math.max(0, place - neighbours), place + neighbours + 1).map((other) => ({
    at: other.begun,
    text:
      `${other.process} reads ${other.version === null ? 'null' : `version ${other.version}`}` +
      ` in ${((other.ended - other.begun) / 1_000).toFixed(1)} ms${other === read ? '  <<<' : ''}`,
  }));
}
