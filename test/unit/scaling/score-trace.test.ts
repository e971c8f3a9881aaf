import { ConfigError } from 'meridian';
import {
  hpaPolicy,
  loadTrace,
  parseTrace,
  rulePolicy,
  type ScalingPolicy,
  scalerPolicy,
  scoreTrace,
  staticPolicy,
  traceChart,
} from 'meridian/scaling';
import { describe, expect, it } from 'vitest';

const minute = 60_000;
const trace = (...loads: number[]) => ({
  startMs: 0,
  stepMs: minute,
  loads: Float64Array.from(loads),
});
const told = (...wanted: number[]): ScalingPolicy => {
  let step = 0;
  return { name: 'told', decide: () => wanted[step++] ?? 1 };
};

describe('the score of a policy', () => {
  it('pays for instances that are starting, and counts on them only later', () => {
    const score = scoreTrace(trace(10, 30, 30, 30, 10), told(1, 3, 3, 3, 1), {
      maxLoadPerInstance: 10,
      leadTimeMs: 2 * minute,
    });
    expect([...score.serving]).toEqual([1, 1, 1, 3, 1]);
    expect(score.instanceHours * 60).toBeCloseTo(1 + 3 + 3 + 3 + 1, 9);
    expect(score).toMatchObject({ overloadedSteps: 2, scoredSteps: 5, changes: 2 });
    expect(score.droppedShare).toBeCloseTo(40 / 110, 9);
  });

  it('gives up the starting ones first', () => {
    const score = scoreTrace(trace(10, 10, 10, 10), told(2, 5, 3, 2), {
      maxLoadPerInstance: 10,
      leadTimeMs: 5 * minute,
    });
    expect([...score.serving]).toEqual([2, 2, 2, 2]);
    expect(score.instanceHours * 60).toBeCloseTo(2 + 5 + 3 + 2, 9);
  });

  it('leaves the warm-up out', () => {
    const options = { maxLoadPerInstance: 10, leadTimeMs: 0, warmUpSteps: 2 };
    expect(scoreTrace(trace(99, 99, 5), staticPolicy(1), options)).toMatchObject({
      scoredSteps: 1,
      overloadedSteps: 0,
    });
    expect(() => scoreTrace(trace(1), staticPolicy(1), { ...options, warmUpSteps: 1 })).toThrow(
      ConfigError,
    );
    expect(() =>
      scoreTrace(trace(1), staticPolicy(1), { maxLoadPerInstance: 0, leadTimeMs: -1 }),
    ).toThrow(/leadTimeMs/);
  });

  it('scores the rule and the scaler on the same trace', () => {
    const loads = Array.from({ length: 200 }, (_, step) => 100 + step);
    const options = { maxLoadPerInstance: 10, leadTimeMs: 0 };
    expect(scoreTrace(trace(...loads), rulePolicy(10), options).overloadedSteps).toBe(0);
    expect(scoreTrace(trace(...loads), scalerPolicy(options), options).overloadedSteps).toBe(0);
  });

  it('scales as the HPA does', () => {
    const policy = hpaPolicy(10, 0.5);
    expect(policy.decide(5, 0, 1)).toBe(1);
    // A saturated metric doubles at most; up by 4 or 100 % each 15 s.
    expect(policy.decide(1_000, minute, 4)).toBe(8);
    // Within a tenth of the target nothing is changed; fewer only after five minutes.
    expect(policy.decide(42, 2 * minute, 8)).toBe(8);
    expect(policy.decide(10, 3 * minute, 8)).toBe(8);
    expect(policy.decide(10, 9 * minute, 8)).toBe(2);
  });

  it('refuses a policy that says no number', () => {
    const options = { maxLoadPerInstance: 10, leadTimeMs: 0 };
    expect(() => scoreTrace(trace(1, 2), told(1, Number.NaN), options)).toThrow(
      /policy 'told'.*step 1/,
    );
  });

  it('draws load, capacity and where there was too little', () => {
    const score = scoreTrace(trace(10, 30, 10), staticPolicy(1), {
      maxLoadPerInstance: 10,
      leadTimeMs: 0,
    });
    const chart = traceChart(
      trace(10, 30, 10),
      { ...score, policy: '<b>"static"' },
      { maxLoadPerInstance: 10 },
    );
    expect(chart.match(/#d64545" fill-opacity/g)).toHaveLength(1);
    expect(chart).toContain('&#60;b&#62;&#34;static&#34;');
    expect(chart).not.toContain('<b>');
  });
});

describe('a chart', () => {
  const drawn = (
    made: ReturnType<typeof trace>,
    policy: ScalingPolicy,
    maxLoadPerInstance: number,
  ) => {
    const score = scoreTrace(made, policy, { maxLoadPerInstance, leadTimeMs: 0 });
    return { score, chart: traceChart(made, score, { maxLoadPerInstance }) };
  };

  it('marks no column whose steps were all carried', () => {
    const loads = Array.from({ length: 8_800 }, (_, step) => (step % 10 === 9 ? 20 : 5));
    const following = told(...loads.map((load) => Math.ceil(load / 10)));
    const { score, chart } = drawn(trace(...loads), following, 10);
    expect(score.overloadedSteps).toBe(0);
    expect(chart).not.toContain('#d64545" fill-opacity');
  });

  it('uses its height for small loads too', () => {
    const { chart } = drawn(trace(0.01, 0.02, 0.03), staticPolicy(1), 0.03);
    expect(chart).toMatch(/,44\.0" fill="none" stroke="#4269d0"/);
    expect(chart).toContain('>0.03<');
  });

  it('refuses a part that was not scored, and a score of another trace', () => {
    const made = trace(1, 2, 3);
    const { score } = drawn(made, staticPolicy(1), 1);
    for (const [part, why] of [
      [{ from: 3 }, /from: must be .* 3 scored steps/],
      [{ from: Number.NaN }, /from/],
      [{ from: -1 }, /from/],
      [{ steps: 1e12 }, /steps: must be .* 1 to 3/],
      [{ from: 2, steps: 2 }, /steps/],
      [{ maxLoadPerInstance: Number.NaN }, /maxLoadPerInstance/],
    ] as const) {
      expect(() => traceChart(made, score, { maxLoadPerInstance: 1, ...part })).toThrow(why);
    }
    expect(() => traceChart(trace(1, 2), score, { maxLoadPerInstance: 1 })).toThrow(/score/);
  });
});

describe('a trace that was made by hand', () => {
  const options = { maxLoadPerInstance: 1, leadTimeMs: 0 };

  it.each([Number.NaN, -5, Number.POSITIVE_INFINITY])('is refused with a load of %d', (load) => {
    expect(() => scoreTrace(trace(1, load), staticPolicy(1), options)).toThrow(
      /trace\.loads\[1\]: must be/,
    );
  });

  it.each([0, -1, Number.NaN])('is refused with steps of %d ms', (stepMs) => {
    expect(() => scoreTrace({ ...trace(1, 2), stepMs }, staticPolicy(1), options)).toThrow(
      /trace: must be of steps/,
    );
  });
});

describe('a trace', () => {
  it('is in equal steps, with straight lines between samples, in whatever order they come', () => {
    const made = loadTrace(
      [
        { atMs: 180_000, load: 30 },
        { atMs: 0, load: 0 },
        { atMs: 0, load: 3 },
      ],
      minute,
    );
    expect([...made.loads]).toEqual([3, 12, 21, 30]);
  });

  it('takes the greatest of several samples in one step', () => {
    const fine = Array.from({ length: 121 }, (_, second) => ({
      atMs: second * 1_000,
      load: second % 60 === 30 ? 600 : 1,
    }));
    expect([...loadTrace(fine, minute).loads]).toEqual([600, 600, 1]);
  });

  it('reads two columns, with names, zones, seconds and milliseconds', () => {
    const iso = parseTrace('timestamp,value\n2014-07-01 00:00:00,10\r\n2014-07-01T00:02:00Z,30\n');
    expect(iso).toMatchObject({ startMs: Date.UTC(2014, 6, 1) });
    expect([...iso.loads]).toEqual([10, 20, 30]);
    expect(parseTrace('1404172800;1\n1404172860;2').startMs).toBe(Date.UTC(2014, 6, 1));
    expect(parseTrace('1404172800000\t1\n1404172860000\t2').startMs).toBe(Date.UTC(2014, 6, 1));
  });

  it.each([
    ['a mark of byte order', '\ufeff2014-07-01 00:00:00,10\n2014-07-01 00:02:00,30'],
    ['lines that end as of old', 'time,load\r2014-07-01 00:00:00,10\r2014-07-01 00:02:00,30'],
    ['other signs among the names', 'time,load (a; b)\n2014-07-01 00:00,10\n2014-07-01 00:02,30'],
    ['empty lines before the names', '\n\ntime,load\n2014-07-01,10\n2014-07-01 00:02,30'],
    ['whole hours of offset', '2014-07-01T02:00:00+02,10\n2014-07-01 02:02:00 +0200,30'],
    ['quotes', '"time","load"\r\n"2014-07-01t00:00:00.0","10"\r\n"2014-07-01 00:02:00","30"'],
  ])('is read with %s', (_, csv) => {
    const read = parseTrace(csv);
    expect(read.startMs).toBe(Date.UTC(2014, 6, 1));
    expect([...read.loads]).toEqual([10, 20, 30]);
  });

  it.each([
    ['2014-07-01;10,5\n2014-07-02;20,5', "line 1: has no load .*point.*: '10,5'"],
    ['time,load,x\n0,1,1\n60,2,1', 'line 2: is not two columns'],
    ['2014-13-01 00:00:00,10\n2014-03-02,1\n2014-03-03,2', "line 1: has no time .*'2014-13-01"],
    ['2014-02-30 00:00:00,10\n2014-03-02,1\n2014-03-03,2', 'line 1: has no time'],
    ['2014/07/01,10\n2014/07/02,20', 'line 1: has no time'],
    ['-5,10\n-4,20', 'line 1: has no time'],
    ['0,0x10\n60,20', 'line 1: has no load'],
    ['0,1\n90000000000000000,2', 'line 2: has no time'],
    ['', 'two moments'],
    ['time,load\n0,1', 'two moments'],
    ['0,1\n60,x\n120,', 'line 2'],
    ['0,1\nnever,2', 'line 2'],
    ['0,1\n60,-5', 'line 2'],
    ['0;1,9\n60;2', 'line 1'],
    ['0,"10,844"\n60,2', 'line 1'],
    ['0,x\n60,2\n120,3', 'line 1'],
    ['0,1\n99999999999,5', 'span'],
  ])('refuses %j', (csv, why) => {
    expect(() => parseTrace(csv)).toThrow(ConfigError);
    expect(() => parseTrace(csv)).toThrow(new RegExp(why));
  });
});
