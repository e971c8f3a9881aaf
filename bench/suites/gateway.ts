import autocannon from 'autocannon';
import { Client } from '../../examples/shop/local/client.ts';
import { startShop } from '../../examples/shop/local/shop.ts';
import { newBuyer } from '../../test/support/shop/visitors.ts';
import { median } from '../measure.ts';
import type { Result, Suite } from '../result.ts';

const users = 200;
const seconds = 10;
const rounds = 3;

/** A profile out of the cache, through the gateway: nine processes, five servers and the generator share the machine. */
export const suite: Suite = {
  name: 'The example shop: GET /profile through the gateway, 100 connections',
  async run() {
    process.env.TSX_TSCONFIG_PATH = 'bench/tsconfig.json';
    const shop = await startShop({ env: { REQUESTS_PER_MINUTE: '100000000', LOG_LEVEL: 'info' } });
    try {
      const tokens: string[] = [];
      for (let i = 0; i < users; i++) tokens.push((await newBuyer(shop)).token);
      const client = new Client(shop.gateways.eu);
      for (const token of tokens) {
        const { status, text } = await client.ask('GET', '/profile', undefined, { token });
        if (status !== 200) throw new Error(`no profile: ${text}`);
      }
      const runs: autocannon.Result[] = [];
      for (let round = 0; round <= rounds; round++) runs.push(await load(shop.gateways.eu, tokens));
      return [resultOf(runs.slice(1))];
    } finally {
      await shop.stop();
    }
  },
};

function load(url: string, tokens: readonly string[]): Promise<autocannon.Result> {
  return autocannon({
    url,
    connections: 100,
    duration: seconds,
    requests: tokens.map((token) => ({
      path: '/profile',
      headers: { authorization: `Bearer ${token}` },
    })),
  });
}

function resultOf(runs: readonly autocannon.Result[]): Result {
  const perSecond = median(runs.map(({ requests }) => requests.average));
  const p50Ms = median(runs.map(({ latency }) => latency.p50));
  const p99Ms = median(runs.map(({ latency }) => latency.p99));
  const failed = runs.reduce((sum, run) => sum + run.errors + run.non2xx + run.timeouts, 0);
  return {
    name: 'profile from the cache',
    value: `${Math.round(perSecond)}/s, p50 ${p50Ms} ms, p99 ${p99Ms} ms, ${failed} failed`,
    target: '>= 3000/s, p99 < 100 ms, none failed',
    met: perSecond >= 3_000 && p99Ms < 100 && failed === 0,
    figures: { perSecond, p50Ms, p99Ms, failed },
  };
}
