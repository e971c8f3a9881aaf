import { ConfigError } from 'meridian';
import { createScaler, type ScalerOptions } from 'meridian/scaling';
import { describe, expect, it } from 'vitest';

const minute = 60_000;
const day = 1_440;
const start = Date.UTC(2024, 0, 1);
const base: ScalerOptions = { maxLoadPerInstance: 100, leadTimeMs: 10 * minute };

/** Quiet nights, and a day that is twice as busy from Monday to Friday. */
function usual(step: number): number {
  const weekday = Math.floor(step / day) % 7 < 5 ? 2 : 1;
  return 200 + 400 * weekday * Math.max(0, Math.sin(((step % day) / day) * 2 * Math.PI - 1.5));
}

function fed(steps: number, options: Partial<ScalerOptions> = {}, load = usual) {
  const scaler = createScaler({ ...base, ...options });
  for (let step = 0; step < steps; step++) scaler.observe(load(step), start + step * minute);
  return { scaler, atMs: start + (steps - 1) * minute };
}

describe('a scaler', () => {
  it('goes by the rule until history tells more', () => {
    const { scaler, atMs } = fed(3);
    const said = scaler.recommend(atMs);
    expect(said).toMatchObject({ method: 'rule', instances: said.rule, skill: 0 });
    expect(said.because).toMatch(/history is too short or no help/);
  });

  it('asks for instances before the load is there', () => {
    const { scaler, atMs } = fed(21 * day + 7 * 60);
    const said = scaler.recommend(atMs);
    const soon = Math.max(
      ...Array.from({ length: 11 }, (_, n) => usual(21 * day + 7 * 60 - 1 + n)),
    );
    expect(said.method).toBe('profile');
    expect(said.forecast).toBeGreaterThan(said.load);
    expect(said.instances * 100).toBeGreaterThanOrEqual(soon);
    expect(said.skill).toBeGreaterThan(0);
    expect(said.because).toMatch(/the weekly profile expects up to \d+/);
  });

  it('knows weekends from working days', () => {
    const monday = fed(28 * day + 720).scaler.recommend(start + (28 * day + 719) * minute);
    const saturday = fed(33 * day + 720).scaler.recommend(start + (33 * day + 719) * minute);
    expect(monday.instances).toBeGreaterThan(saturday.instances);
  });

  it('says when history is no help, and keeps the rule', () => {
    let seed = 1;
    const noise = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return 500 + (seed / 2_147_483_648) * 10;
    };
    const { scaler, atMs } = fed(14 * day, {}, noise);
    const said = scaler.recommend(atMs);
    expect(said.method).toBe('rule');
    expect(said.instances).toBeGreaterThanOrEqual(said.rule);
  });

  it('shrinks only when fewer were enough for a while', () => {
    const { scaler, atMs } = fed(10, {}, (step) => (step < 9 ? 1_000 : 100));
    expect(scaler.recommend(start + 8 * minute).held).toBe(false);
    expect(scaler.recommend(atMs)).toMatchObject({ instances: 2 });
    const watched = createScaler(base);
    watched.observe(1_000, start);
    expect(watched.recommend(start).instances).toBe(12);
    watched.observe(100, start + minute);
    expect(watched.recommend(start + minute)).toMatchObject({ instances: 12, held: true });
    for (let step = 2; step < 7; step++) {
      watched.observe(100, start + step * minute);
      watched.recommend(start + step * minute);
    }
    expect(watched.recommend(start + 6 * minute)).toMatchObject({ instances: 2, held: false });
  });

  it('says in words which shard keeps the number down', () => {
    const budget = {
      poolPerInstance: 20,
      shards: { 'eu-1': { maxConnections: 500 }, 'us-1': { maxConnections: 151, reserve: 11 } },
    };
    const scaler = createScaler({ ...base, budget });
    scaler.observe(2_000, start);
    const said = scaler.recommend(start);
    expect(said.instances).toBe(7);
    expect(said.because).toMatch(
      /shard 'us-1' takes 151 connections, of which 11 are kept, and each instance opens 20/,
    );
  });

  it('goes no further than the knee of a measured law', () => {
    const law = { gamma: 100, sigma: 0.02, kappa: 0.01 };
    const scaler = createScaler({ ...base, law });
    scaler.observe(50_000, start);
    const said = scaler.recommend(start);
    expect(said.instances).toBe(10);
    expect(said.because).toMatch(/past 10 instances another one takes more than it brings/);
  });

  it('keeps as many as a latency target needs', () => {
    const latency = { targetMs: 60, serviceMs: 50, slotsPerInstance: 4 };
    const scaler = createScaler({ ...base, latency, maxLoadPerInstance: 80 });
    scaler.observe(80, start);
    const said = scaler.recommend(start);
    expect(said.floor).toBeGreaterThan(said.rule);
    expect(said.instances).toBe(said.floor);
  });

  it('lets a cap win over a floor, and says so', () => {
    const scaler = createScaler({
      ...base,
      maxInstances: 3,
      minInstances: 2,
      latency: { targetMs: 51, serviceMs: 50, slotsPerInstance: 1 },
    });
    scaler.observe(1_000, start);
    const said = scaler.recommend(start);
    expect(said.floor).toBeGreaterThan(3);
    expect(said.instances).toBe(3);
    expect(said.because).toMatch(/maxInstances is 3/);
  });
});

describe('what is odd', () => {
  it('recommends the least without any sample', () => {
    expect(createScaler({ ...base, minInstances: 2 }).recommend(start)).toMatchObject({
      instances: 2,
      load: 0,
    });
  });

  it('refuses what is no load and no time, all at once', () => {
    const scaler = createScaler(base);
    for (const load of [Number.NaN, -1, Number.POSITIVE_INFINITY]) {
      expect(() => scaler.observe(load, start)).toThrow(ConfigError);
    }
    expect(() => scaler.observe(Number.NaN, Number.NaN)).toThrow(
      /load: must be .*\n.*atMs: must be/,
    );
  });

  it('leaves out samples of steps that are over, and counts them', () => {
    const scaler = createScaler(base);
    scaler.observe(100, start + 5 * minute);
    scaler.observe(900, start);
    scaler.observe(100, start + 5 * minute);
    expect(scaler.recommend(start + 5 * minute)).toMatchObject({
      load: 100,
      ignored: 1,
      because: expect.stringContaining('1 sample was older'),
    });
  });

  it('takes the greatest of several samples in one step', () => {
    const scaler = createScaler(base);
    for (const load of [10, 400, 20]) scaler.observe(load, start + load);
    expect(scaler.recommend(start).load).toBe(400);
  });

  it('holds the last load through silence, and says how long it lasts', () => {
    const { scaler, atMs } = fed(5, {}, () => 1_000);
    expect(scaler.recommend(atMs + 10 * minute)).toMatchObject({
      instances: 12,
      silentMs: 600_000,
    });
  });

  it('goes on after a hole of days', () => {
    const { scaler } = fed(21 * day);
    const later = start + 40 * day * minute;
    scaler.observe(300, later);
    expect(scaler.recommend(later).instances).toBeGreaterThanOrEqual(3);
  });

  it('does not take a spike for what comes every week', () => {
    const spike = 20 * day + 600;
    const load = (step: number) => (step === spike ? usual(step) * 1e6 : usual(step));
    const { scaler, atMs } = fed(27 * day + 595, {}, load);
    expect(scaler.recommend(atMs).instances).toBeLessThan(60);
  });

  it('starts anew when the clock of a sample was ahead', () => {
    const scaler = createScaler(base);
    scaler.observe(950, start + 24 * 60 * minute);
    for (let step = 0; step < 5; step++) scaler.observe(9_000, start + step * minute);
    const said = scaler.recommend(start + 4 * minute);
    expect(said).toMatchObject({ load: 9_000, instances: 108, ignored: 2 });
    expect(said.because).toMatch(/2 samples were older than a later one/);
  });

  it('is held up by nothing that was wanted long ago', () => {
    const scaler = createScaler(base);
    scaler.observe(5_000, start);
    expect(scaler.recommend(start).instances).toBe(60);
    for (let step = 1; step < 60; step++) scaler.observe(100, start + step * minute);
    expect(scaler.recommend(start + 59 * minute)).toMatchObject({ instances: 2, held: false });
  });

  it('never throws for what it took, and lets the cap win', () => {
    const scaler = createScaler({
      ...base,
      maxInstances: 50,
      latency: { targetMs: 60, serviceMs: 50, slotsPerInstance: 4 },
    });
    scaler.observe(1e19, start);
    expect(scaler.recommend(start)).toMatchObject({ instances: 50 });
    const contended = createScaler({ ...base, law: { gamma: 100, sigma: 0.1, kappa: 0 } });
    contended.observe(900, start);
    expect(contended.recommend(start)).toMatchObject({ instances: 171, cap: { instances: 171 } });
  });

  it('learns from steps of an hour, and of six minutes', () => {
    for (const minutes of [6, 60]) {
      const scaler = createScaler({ ...base, stepMs: minutes * minute });
      for (let step = 0; step < (28 * day) / minutes; step++) {
        scaler.observe(usual(step * minutes), start + step * minutes * minute);
      }
      expect(scaler.recommend(start + 28 * day * minute).method).not.toBe('rule');
    }
  });

  it('says a headroom that leads from the forecast to what is planned', () => {
    const { scaler, atMs } = fed(21 * day + 7 * 60);
    const { forecast, headroom, instances } = scaler.recommend(atMs);
    expect(instances).toBe(Math.ceil((forecast * headroom) / 100 - 1e-9));
  });

  it('tells what it plans for where next to nothing is expected', () => {
    for (const [idle, said] of [
      [0, /expects up to 0 \(now 0\), with [\d.]+ on top/],
      [0.001, /expects up to [\d.]+ \(now 0\.001\), with [\d.]+ on top/],
    ] as const) {
      const load = (step: number) => {
        if (step % day > 420) return 900;
        return idle > 0 && step % 97 === 0 ? 130 : idle;
      };
      const { scaler, atMs } = fed(21 * day + 100, {}, load);
      const { forecast, planned, headroom, instances, because } = scaler.recommend(atMs);
      expect(instances).toBe(Math.max(1, Math.ceil(planned / 100)));
      if (forecast > 0) expect(forecast * headroom).toBeCloseTo(planned, 9);
      else expect(headroom).toBe(1);
      expect(planned).toBeGreaterThan(2 * forecast);
      expect(because).toMatch(said);
    }
  });

  it('says that samples are too far apart to learn from', () => {
    const scaler = createScaler(base);
    for (let step = 0; step < 14 * day; step += 15)
      scaler.observe(usual(step), start + step * minute);
    const said = scaler.recommend(start + 14 * day * minute);
    expect(said.method).toBe('rule');
    expect(said.because).toMatch(/900 s apart, too far to learn from with a stepMs of 60000/);
    const near = fed(3).scaler.recommend(start + 2 * minute);
    expect(near.because).not.toMatch(/apart/);
  });

  it('shrinks no sooner than it is told', () => {
    const scaler = createScaler({ ...base, leadTimeMs: 0, shrinkAfterMs: 80_000 });
    const at = (step: number, load: number) => {
      scaler.observe(load, start + step * minute);
      return scaler.recommend(start + step * minute).instances;
    };
    expect([at(0, 1_000), at(1, 100), at(2, 100)]).toEqual([12, 12, 2]);
  });

  it('names a step that is out of range, and not what goes by it', () => {
    const wrong = () => createScaler({ ...base, stepMs: 0 });
    expect(wrong).toThrow(
      expect.objectContaining({ problems: [{ path: 'stepMs', message: expect.any(String) }] }),
    );
  });

  it('refuses times of another unit, and caps below the least', () => {
    expect(() => createScaler(base).observe(1, start / 1_000)).toThrow(/are these seconds/);
    expect(() => createScaler(base).observe(1, start * 1_000)).toThrow(/atMs/);
    expect(() => createScaler(base).observe(1, -1)).toThrow(/atMs/);
    const budget = { poolPerInstance: 10, shards: { a: { maxConnections: 20 } } };
    expect(() => createScaler({ ...base, minInstances: 5, budget })).toThrow(
      /minInstances: must be at most 1/,
    );
  });

  it('lives through zeros, and through one spike of a million times', () => {
    expect(fed(8 * day, {}, () => 0).scaler.recommend(start + 8 * day * minute).instances).toBe(1);
    const spiked = fed(8 * day, {}, (step) => (step === 7 * day ? 5e8 : 500));
    expect(spiked.scaler.recommend(spiked.atMs).instances).toBeLessThan(100);
  });

  it('looks further ahead than it has seen', () => {
    const { scaler, atMs } = fed(30, { leadTimeMs: 900 * minute });
    expect(scaler.recommend(atMs).method).toBe('rule');
  });

  it('names every option that is out of range', () => {
    const wrong = () =>
      createScaler({
        maxLoadPerInstance: 0,
        leadTimeMs: -1,
        maxOverloadShare: 2,
        minInstances: 5,
        maxInstances: 4,
        timeZone: 'Mars/Olympus',
        latency: { targetMs: 1, serviceMs: 2, slotsPerInstance: 0 },
        law: { gamma: 0, sigma: 2, kappa: -1 },
        budget: { poolPerInstance: 20, shards: { 'eu-1': { maxConnections: 20 } } },
      });
    expect(wrong).toThrow(ConfigError);
    for (const path of [
      'maxLoadPerInstance',
      'leadTimeMs',
      'maxOverloadShare',
      'maxInstances',
      'timeZone',
      'latency.targetMs',
      'latency.slotsPerInstance',
      'law.gamma',
      'law.sigma',
      'law.kappa',
      'budget.shards.eu-1.maxConnections',
    ]) {
      expect(wrong).toThrow(path);
    }
  });
});

describe('whatever the load', () => {
  /** A day's shape with noise and spikes, other for each seed. */
  function wild(seed: number) {
    let state = seed;
    const next = () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
      return state / 0x80000000;
    };
    const [top, rare] = [10 ** (1 + 3 * next()), next() * 0.01];
    return (step: number) => {
      const hour = Math.max(0, Math.sin(((step % day) / day) * 2 * Math.PI));
      return top * hour * (0.5 + next()) * (next() < rare ? 50 : 1);
    };
  }
  const latency = { targetMs: 60, serviceMs: 50, slotsPerInstance: 4 };
  const law = { gamma: 100, sigma: 0.02, kappa: 0.000_1 };
  const shapes: Partial<ScalerOptions>[] = [
    { minInstances: 3, maxInstances: 40 },
    { minInstances: 2, latency, maxInstances: 60 },
    { law, minInstances: 2 },
  ];

  it.each(Array.from({ length: 12 }, (_, index) => index + 1))(
    'keeps to floor and cap, and wants no fewer for more (seed %i)',
    (seed) => {
      const options = { ...base, ...shapes[seed % 3], stepMs: 10 * minute };
      const load = wild(seed);
      const history = Array.from({ length: 10 * 144 }, (_, step) => load(step * 10));
      const most = options.maxInstances ?? Number.POSITIVE_INFINITY;
      const after = (last: number) => {
        const scaler = createScaler(options);
        history.forEach((one, step) => {
          scaler.observe(one, start + step * options.stepMs);
        });
        const atMs = start + history.length * options.stepMs;
        scaler.observe(last, atMs);
        return scaler.recommend(atMs);
      };
      let before = 0;
      for (const last of [0, 0.5, 1, 10, 99, 100, 101, 500, 2_000, 1e4, 1e6, 1e12]) {
        const { instances, floor, cap } = after(last);
        expect(instances).toBeGreaterThanOrEqual(before);
        expect(instances).toBeGreaterThanOrEqual(options.minInstances ?? 1);
        expect(instances).toBeLessThanOrEqual(most);
        if (cap === undefined) expect(instances).toBeGreaterThanOrEqual(floor);
        else expect(instances).toBe(cap.instances);
        before = instances;
      }
    },
  );
});
