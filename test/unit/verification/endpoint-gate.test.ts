import { ConfigError, type MeridianEvent, UnavailableError } from 'meridian';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Upkeep } from '../../../src/execution/upkeep.ts';
import { Deadline } from '../../../src/resilience/time/deadline.ts';
import { EndpointGate } from '../../../src/verification/endpoint-gate.ts';
import { endpointAt } from '../../support/endpoints.ts';
import { oneShard } from '../../support/topologies.ts';

describe('the endpoint gate', () => {
  const known = endpointAt('eu-1/primary', 3_306);
  let upkeep: Upkeep;
  let events: MeridianEvent[];
  let checked: string[];
  let verdict: () => Promise<void>;
  let gate: EndpointGate;
  let deadline: Deadline;

  beforeEach(() => {
    upkeep = new Upkeep(oneShard());
    upkeep.start();
    events = [];
    checked = [];
    verdict = async () => {};
    deadline = new Deadline(10_000);
    gate = new EndpointGate(
      [known],
      ({ name }) => {
        checked.push(name);
        return verdict();
      },
      upkeep,
      (event) => events.push(event),
    );
  });

  afterEach(async () => {
    deadline.end();
    await upkeep.close();
  });

  it('lets nobody to an endpoint that it was not built with, also once all others are verified', async () => {
    gate.open([known]);
    const stranger = endpointAt('eu-2/primary', 3_307);
    expect(gate.admit(known, deadline)).toBeUndefined();
    await expect(gate.admit(stranger, deadline)).rejects.toThrow(UnavailableError);
    expect(gate.stateOf(stranger)).toBe('unverified');
    expect(checked).toEqual([]);
  });

  it('takes one that has another address by now for another one', async () => {
    gate.open([known]);
    const moved = endpointAt('eu-1/primary', 3_307);
    await expect(gate.admit(moved, deadline)).rejects.toThrow(UnavailableError);
    expect(gate.stateOf(moved)).toBe('unverified');
    const again = endpointAt('eu-1/primary', 3_306);
    expect(gate.admit(again, deadline)).toBeUndefined();
    expect(gate.stateOf(again)).toBe('verified');
  });

  it('looks for a caller at one that was down, and lets it through once it fits', async () => {
    await gate.admit(known, deadline);
    expect(checked).toEqual(['eu-1/primary']);
    expect(events).toEqual([{ type: 'endpoint-verified', endpoint: 'eu-1/primary' }]);
    expect(gate.admit(known, deadline)).toBeUndefined();
  });

  it('keeps one out for good that is not what is meant', async () => {
    verdict = () => Promise.reject(new ConfigError('wrong', [{ path: 'a', message: 'is b' }]));
    await expect(gate.admit(known, deadline)).rejects.toThrow(ConfigError);
    await expect(gate.admit(known, deadline)).rejects.toThrow(ConfigError);
    expect(checked).toHaveLength(1);
    expect(gate.stateOf(known)).toBe('refused');
  });

  it('looks at nothing once it is closed', async () => {
    await upkeep.close();
    await expect(gate.admit(known, deadline)).rejects.toThrow(UnavailableError);
    expect(checked).toEqual([]);
  });
});
