import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Client } from '../../../examples/shop/local/client.ts';
import { newSigningKey } from '../../../examples/shop/local/shop.ts';
import { forgedTokens } from '../../support/shop/forged-tokens.ts';
import { type GatewayRig, startGateway } from '../../support/shop/gateway.ts';
import { tokenOf } from '../../support/shop/visitors.ts';

let rig: GatewayRig;
let client: Client;
const sub = randomUUID();

async function begin(options?: Parameters<typeof startGateway>[0]) {
  rig = await startGateway(options);
  client = new Client(rig.url);
}

const profile = (token: string, headers = {}) =>
  client.ask('GET', '/profile', undefined, { token, headers });

describe('tokens', () => {
  beforeAll(() => begin());
  afterAll(() => rig.stop());

  it('gets in who has a good one', async () => {
    expect((await profile(await tokenOf(rig.key, { sub }))).status).toBe(200);
  });

  it('allows five seconds between clocks, and no more', async () => {
    const statusOf = async (parts: object) =>
      (await profile(await tokenOf(rig.key, { sub, ...parts }))).status;
    expect(await statusOf({ expires: -2 })).toBe(200);
    expect(await statusOf({ notBefore: 3 })).toBe(200);
    expect(await statusOf({ expires: -8 })).toBe(401);
    expect(await statusOf({ notBefore: 20 })).toBe(401);
  });

  it('refuses forged ones, all in the same words', async () => {
    const before = rig.arrivals.length;
    const answers = new Map<string, object>();
    for (const [what, token] of Object.entries(await forgedTokens(rig.key))) {
      const { status, headers, body } = await profile(token);
      const { instance: _, ...rest } = Object(body);
      answers.set(what, { status, type: headers.get('content-type'), ...rest });
    }
    expect(answers.size).toBeGreaterThan(25);
    for (const [what, answer] of answers) {
      expect({ what, ...answer }).toEqual({
        what,
        status: 401,
        type: 'urn:shop:problem:invalid-token',
        title: 'Log in again',
      });
    }
    expect(rig.arrivals).toHaveLength(before);
    // Whatever kids were named, the keys were asked for at the one address, and seldom.
    expect(rig.jwksFetches()).toBeLessThanOrEqual(3);
  });

  const asIn = async (scheme: string) => {
    const authorization = `${scheme} ${await tokenOf(rig.key, { sub })}`;
    return client.ask('GET', '/profile', undefined, { headers: { authorization } });
  };

  it.each(['Basic', 'Bearer  ', ''])(
    'refuses the scheme %j, and says which it knows',
    async (scheme) => {
      const answer = await asIn(scheme);
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    },
  );

  it('knows the scheme in any case of letters, as RFC 9110 has it', async () => {
    expect((await asIn('bearer')).status).toBe(200);
  });

  it('lets customers not ask what is for support staff', async () => {
    const ask = async (role: string) => {
      const token = await tokenOf(rig.key, { sub, role });
      return (await client.ask('GET', '/analytics/regions', undefined, { token })).status;
    };
    expect(await ask('customer')).toBe(403);
    expect(await ask('support')).toBe(200);
  });
});

describe('keys', () => {
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    await begin();
  });
  afterEach(async () => {
    vi.useRealTimers();
    await rig.stop();
  });
  const statusWith = async (token: string) => (await profile(token)).status;

  it('are asked for again when a token names a new one, and the old one goes', async () => {
    const next = await newSigningKey('key-2');
    const [old, fresh] = [await tokenOf(rig.key, { sub }), await tokenOf(next, { sub })];
    expect(await statusWith(old)).toBe(200);
    expect(await statusWith(fresh)).toBe(401);
    rig.publish([next, rig.key]);
    vi.advanceTimersByTime(3_000);
    expect([await statusWith(fresh), await statusWith(old)]).toEqual([200, 200]);
    rig.publish([next]);
    vi.advanceTimersByTime(11 * 60_000);
    const later = { sub, issued: -660 };
    expect(await statusWith(await tokenOf(rig.key, later))).toBe(401);
    expect(await statusWith(await tokenOf(next, later))).toBe(200);
  });

  it('are not needed for each use of a token, and its end counts nevertheless', async () => {
    const token = await tokenOf(rig.key, { sub, expires: 60 });
    expect(await statusWith(token)).toBe(200);
    rig.publish(null);
    vi.advanceTimersByTime(59_000);
    expect(await statusWith(token)).toBe(200);
    expect(await statusWith(`${token.slice(0, -4)}AAAA`)).toBe(401);
    vi.advanceTimersByTime(7_000);
    expect(await statusWith(token)).toBe(401);
  });

  it('are not asked for by each of a flood of unknown names', async () => {
    await profile(await tokenOf(rig.key, { sub }));
    vi.advanceTimersByTime(3_000);
    const tokens = await Promise.all(
      Array.from({ length: 50 }, (_, kid) => tokenOf(rig.key, { sub, kid: `flood-${kid}` })),
    );
    for (const status of await Promise.all(tokens.map(statusWith))) expect(status).toBe(401);
    expect(rig.jwksFetches()).toBe(2);
  });

  it('that can’t be had are no fault of the token; known ones go on', async () => {
    rig.publish(null);
    const token = await tokenOf(rig.key, { sub });
    expect(await profile(token)).toMatchObject({ status: 503, body: { status: 503 } });
    rig.publish([rig.key]);
    expect(await statusWith(token)).toBe(200);
    rig.publish(null);
    vi.advanceTimersByTime(5 * 60_000);
    expect(await statusWith(token)).toBe(200);
  });
});

describe('what goes on to the services', () => {
  beforeAll(() => begin());
  afterAll(() => rig.stop());
  const arrived = () => rig.arrivals.at(-1) ?? expect.fail('nothing arrived');

  it('is who was recognised, whatever the client says that it is', async () => {
    const token = await tokenOf(rig.key, { sub });
    const spoofed = {
      'x-user-id': randomUUID(),
      'x-user-role': 'support',
      'x-region': 'jp',
      'x-gateway-key': 'guess',
      'x-request-id': 'mine',
      'x-deadline-ms': '999999',
      'x-forwarded-for': '10.0.0.1',
      cookie: 'a=b',
      'x-anything': 'else',
    };
    const answer = await profile(token, spoofed);
    const { host: _, ...headers } = arrived().headers;
    expect(headers).toEqual({
      connection: 'keep-alive',
      'idempotency-key': expect.any(String),
      'x-user-id': sub,
      'x-user-role': 'customer',
      'x-gateway-key': 'the-gateway-key',
      'x-request-id': expect.stringMatching(/^[\da-f-]{36}$/),
      'x-deadline-ms': expect.stringMatching(/^(5000|4\d{3})$/),
      'x-region': 'eu',
    });
    expect(answer.headers.get('set-cookie')).toBeNull();
    expect(answer.headers.get('x-powered-by')).toBeNull();
  });

  it('is nobody where no token is needed, though one is named', async () => {
    const spoofed = { 'x-user-id': sub, 'x-user-role': 'support' };
    await client.ask('POST', '/sessions', {}, { headers: spoofed });
    expect(arrived().headers).not.toHaveProperty('x-user-id');
    expect(arrived().headers).not.toHaveProperty('x-user-role');
  });

  it.each([
    ['GET //elsewhere.example/profile', 404],
    ['GET http://elsewhere.example/profile', 200],
    ['GET /profile/../analytics/regions', 404],
    ['GET /accounts/..%2f..%2fanalytics/transactions', 400],
    ['GET /%70rofile', 200],
    ['GET /PROFILE', 404],
    ['GET /jwks', 404],
    ['PUT /reservations', 404],
    ['HEAD /profile', 404],
  ])('is only what has a route: %s', async (line, status) => {
    const before = rig.arrivals.length;
    const token = await tokenOf(rig.key, { sub });
    expect(await rawStatus(`${line} HTTP/1.1`, `authorization: Bearer ${token}`)).toBe(status);
    const urls = rig.arrivals.slice(before).map(({ url }) => decodeURI(url));
    expect(urls).toEqual(status === 200 ? ['/profile'] : []);
  });

  const regionOf = async (country: string, headers = {}) => {
    await profile(await tokenOf(rig.key, { sub, country }), headers);
    return arrived().region;
  };

  it('goes to the region nearest to the user’s country', async () => {
    expect(await regionOf('FR')).toBe('eu');
    expect(await regionOf('KR')).toBe('jp');
    expect(await regionOf('AU')).toBe('jp');
    expect(await regionOf('ZZ')).toBe('eu');
  });

  it('goes where the edge says that the client is, and nobody else', async () => {
    const edge = { 'x-edge-key': rig.edgeKey };
    expect(await regionOf('DE', { ...edge, 'x-edge-location': '34.7,135.5' })).toBe('jp');
    expect(await regionOf('DE', { ...edge, 'x-edge-country': 'JP' })).toBe('jp');
    expect(await regionOf('DE', { ...edge, 'x-edge-location': '99,NaN' })).toBe('eu');
    expect(await regionOf('DE', { ...edge, 'x-edge-country': 'nowhere' })).toBe('eu');
    for (const key of ['', 'guess', 'x'.repeat(rig.edgeKey.length)]) {
      const spoofed = {
        'x-edge-key': key,
        'x-edge-location': '34.7,135.5',
        'x-edge-country': 'JP',
      };
      expect(await regionOf('DE', spoofed)).toBe('eu');
    }
  });

  async function rawStatus(line: string, header: string): Promise<number> {
    const { port, hostname } = new URL(rig.url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    socket.write(`${line}\r\nhost: shop\r\n${header}\r\nconnection: close\r\n\r\n`);
    return Number((await text(socket)).slice(9, 12));
  }
});

describe('limits', () => {
  afterEach(() => rig.stop());

  it('are each user’s own', async () => {
    await begin({ requestsPerMinute: 5 });
    const [one, other] = [
      await tokenOf(rig.key, { sub }),
      await tokenOf(rig.key, { sub: randomUUID() }),
    ];
    for (let i = 0; i < 5; i++) expect((await profile(one)).status).toBe(200);
    const refused = await profile(await tokenOf(rig.key, { sub }));
    expect(refused).toMatchObject({ status: 429, body: { type: 'urn:shop:problem:too-many' } });
    expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    // What is left of the minute.
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(30);
    expect((await profile(other)).status).toBe(200);
    expect(rig.arrivals).toHaveLength(6);
  });

  it('X1, Z6: are each client’s own, as the edge says; what is refused counts as well', async () => {
    await begin({ requestsPerMinute: 2 });
    const from = (name: string, key = rig.edgeKey) => ({
      headers: { 'x-edge-key': key, 'x-edge-client': name },
    });
    const logIn = (name: string, key?: string) =>
      client.ask('POST', '/sessions', {}, from(name, key));
    for (let index = 0; index < 100; index++) {
      expect((await logIn(`203.0.113.${index}`)).status).toBe(200);
    }
    const refused = [
      () => client.ask('GET', '/nowhere', undefined, from('bad')),
      () => client.ask('GET', '/profile', undefined, { token: 'none', ...from('bad') }),
      () => client.ask('POST', '/sessions', 'x'.repeat(70_000), from('bad')),
      () =>
        client.ask('POST', '/sessions', 'x', {
          headers: { ...from('bad').headers, 'content-type': 'text/xml' },
        }),
    ];
    const statuses: number[] = [];
    for (let round = 0; round < 3; round++) {
      for (const ask of refused) statuses.push((await ask()).status);
    }
    expect(statuses).toEqual([404, 401, 413, 415, 404, 401, 413, 415, 429, 429, 429, 429]);
    expect((await logIn('good')).status).toBe(200);
    // Whoever is not the edge is its own client, whatever it says.
    const spoofed: number[] = [];
    for (let index = 0; index < 9; index++)
      spoofed.push((await logIn(`name-${index}`, 'x')).status);
    expect(spoofed.at(-1)).toBe(429);
  });

  it('end what a service does not answer, and what nobody is there for', async () => {
    await begin({ deadlineMs: 200 });
    const token = await tokenOf(rig.key, { sub });
    await rig.goAway('jp');
    const away = await profile(await tokenOf(rig.key, { sub, country: 'JP' }));
    expect(away).toMatchObject({ status: 503, body: { type: 'urn:shop:problem:unavailable' } });
    const abroad = { token: await tokenOf(rig.key, { sub, country: 'JP' }) };
    const unsent = await client.ask('POST', '/checkouts', {}, abroad);
    expect(unsent).toMatchObject({ status: 503, body: { outcome: 'not-applied' } });
    rig.hang();
    const hung = await profile(token);
    expect(hung).toMatchObject({ status: 503, body: { outcome: 'not-applied' } });
    const written = await client.ask('POST', '/checkouts', {}, { token });
    expect(written).toMatchObject({ status: 503, body: { outcome: 'unknown' } });
  });
});
