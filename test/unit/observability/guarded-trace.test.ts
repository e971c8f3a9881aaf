import { expect, it, vi } from 'vitest';
import { ConfigError } from '../../../src/errors/config-error.ts';
import { fanOut } from '../../../src/observability/fan-out.ts';
import { GuardedTrace } from '../../../src/observability/guarded-trace.ts';
import type { Trace } from '../../../src/observability/trace.ts';

const broken = (): never => {
  throw new Error('broken');
};
const throwing: Trace = {
  step: broken,
  run: broken,
  link: broken,
  end: broken,
  endCall: broken,
};

it('what a trace throws is told, and fails nothing', () => {
  const thrown = vi.fn();
  const trace = new GuardedTrace(throwing, thrown);
  const step = trace.step('statement', {});
  expect(step.run(() => 'done')).toBe('done');
  trace.link(step);
  trace.end({ failed: false });
  expect(thrown).toHaveBeenCalledTimes(3);
});

it.each<[string, Trace['run']]>([
  ['throws before it', broken],
  [
    'throws after it',
    (work) => {
      work();
      return broken();
    },
  ],
  [
    'does it twice',
    (work) => {
      work();
      return work();
    },
  ],
  ['does not do it', () => JSON.parse('1')],
])('the work of a step is done once where the trace %s', (_, run) => {
  const work = vi.fn(() => 'done');
  expect(new GuardedTrace({ ...throwing, run }, () => {}).run(work)).toBe('done');
  expect(work).toHaveBeenCalledOnce();
});

it('what the work throws is the caller’s', () => {
  const thrown = vi.fn();
  const trace = new GuardedTrace({ ...throwing, run: (work) => work() }, thrown);
  expect(() => trace.run(() => broken())).toThrow('broken');
  expect(thrown).not.toHaveBeenCalled();
});

it('a trace is linked to the other’s own, not to what guards it', () => {
  const link = vi.fn();
  const one: Trace = { ...throwing, link };
  const other: Trace = { ...throwing };
  new GuardedTrace(one, broken).link(new GuardedTrace(other, broken));
  expect(link).toHaveBeenCalledExactlyOnceWith(other);
});

it('who was handed the state of a data layer lets go of it when another observer refuses the start', () => {
  const detach = vi.fn();
  const first = Object.assign(() => {}, { attach: () => detach });
  const second = Object.assign(() => {}, {
    attach: () => {
      throw new ConfigError('refused', []);
    },
  });
  const observe = fanOut([first, second]);
  expect(() =>
    observe.attachAll(() => {
      throw new Error('nobody asks');
    }),
  ).toThrow(ConfigError);
  expect(detach).toHaveBeenCalledOnce();
});
