import { expect, it } from 'vitest';
import type { MeridianEvent } from '../../../src/observability/events.ts';
import { pinoObserver } from '../../../src/observability/pino-observer.ts';

const refusal: MeridianEvent = {
  type: 'residency',
  action: 'insert',
  service: 'api-7',
  processRegion: 'us',
  table: 'users',
  strictRegions: ['eu'],
  region: 'us',
};

it('the log repeats no warning within a second, but leaves out no refusal', () => {
  const lines: [fields: object, message: string][] = [];
  const write = (fields: object, message: string) => lines.push([fields, message]);
  const observe = pinoObserver({ debug: write, info: write, warn: write });
  for (let turn = 0; turn < 3; turn++) {
    observe({ type: 'cache-fault', operation: 'get', message: 'down' });
    observe(refusal);
  }
  const { type: _, ...fields } = refusal;
  expect(lines.filter(([, message]) => message === 'meridian: cache-fault')).toHaveLength(1);
  expect(lines.filter(([, message]) => message === 'meridian: residency')).toEqual(
    Array.from({ length: 3 }, () => [fields, 'meridian: residency']),
  );
});
