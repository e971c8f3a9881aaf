import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Endpoints } from '../../../src/execution/endpoints.ts';
import { Deadline } from '../../../src/resilience/time/deadline.ts';
import { endpointAt } from '../../support/endpoints.ts';

const config = {
  connections: 2,
  queue: 10,
  connectTimeoutMs: 1_000,
  adaptive: false,
  throttle: false,
  breaker: { failures: 5, openMs: 1_000, stallMs: 1_000, rampMs: 0, probeTimeoutMs: 1_000 },
};

describe('the pools of endpoints', () => {
  let endpoints: Endpoints;

  beforeEach(() => {
    endpoints = new Endpoints(config, () => {});
  });

  afterEach(() => endpoints.close());

  it('are the same for endpoints of one name and address, whatever snapshot they are of', () => {
    const pool = endpoints.of(endpointAt('eu-1/primary', 1));
    expect(endpoints.of(endpointAt('eu-1/primary', 1))).toBe(pool);
  });

  it('are others for another address of the same name', () => {
    const { pool } = endpoints.of(endpointAt('eu-1/primary', 1));
    const other = endpoints.of(endpointAt('eu-1/primary', 2));
    expect(other.pool).not.toBe(pool);
    expect(other.pool.label).toBe('127.0.0.1:2/eu-1');
  });

  it('are retired once nobody names the address: calls that know them go on until they are cut, and the others stay', async () => {
    const old = endpointAt('eu-1/primary', 1);
    const kept = endpointAt('eu-1/replica-1', 3);
    const retired = endpoints.of(old);
    const stays = endpoints.of(kept);
    const gone = new Promise((resolve) =>
      endpoints.retireBut([endpointAt('eu-1/primary', 2), kept], 1, resolve),
    );
    // A call on the older snapshot has no other pool.
    expect(endpoints.of(old)).toBe(retired);
    expect(endpoints.of(kept)).toBe(stays);
    expect(await gone).toBe(old);
    const deadline = new Deadline(1_000);
    await expect(retired.pool.acquire(deadline)).rejects.toThrow('The pool is closed.');
    deadline.end();
    expect(endpoints.of(old)).toBe(retired);
    expect(endpoints.of(endpointAt('eu-1/primary', 1))).not.toBe(retired);
  });

  it('are the same once more where the address is named again before they are cut', () => {
    const pool = endpoints.of(endpointAt('eu-1/primary', 1));
    const gone: unknown[] = [];
    endpoints.retireBut([], 60_000, (endpoint) => gone.push(endpoint));
    expect(endpoints.of(endpointAt('eu-1/primary', 1))).toBe(pool);
    expect(gone).toEqual([]);
  });
});
