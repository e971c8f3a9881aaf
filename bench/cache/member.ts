import { setTimeout as sleep } from 'node:timers/promises';
import { meridian } from './meridian.ts';
import type { Order, Party, Report } from './order.ts';
import { peers } from './peers.ts';
import { type OpenCache, openReady, type Row, rowOf } from './rival.ts';

/** One cache with a source whose loads can be held; carries out orders in this process. */
export class Member implements Party {
  #cache: OpenCache | undefined;
  readonly #versions = new Map<string, number>();
  #loads = 0;
  #loadMs = 0;
  #hold: Hold | undefined;
  #held: Promise<unknown> = Promise.resolve();

  async carryOut(order: Order): Promise<Report> {
    const loads = this.#loads;
    const answer = await this.#do(order);
    return { stale: 0, pending: 0, slowestMs: 0, ...answer, loads: this.#loads - loads };
  }

  async #do(order: Order): Promise<Partial<Report>> {
    switch (order.do) {
      case 'open': {
        const rival = [meridian, ...peers].find(({ name }) => name === order.rival);
        if (rival === undefined) throw new Error(`no cache is called '${order.rival}'`);
        this.#cache = await openReady(rival, order.setup, (key) => this.#load(key));
        return {};
      }
      case 'begin': {
        const hold = new Hold(order.keys.length);
        this.#hold = hold;
        this.#held = Promise.all(order.keys.map((key) => this.#open.get(key)));
        // A get that fails before its load began would be waited for in vain.
        await Promise.race([hold.full, this.#held]);
        return {};
      }
      case 'change':
        for (const key of order.keys) this.#versions.set(key, this.#versionOf(key) + 1);
        return {};
      case 'forget': {
        const said = await Promise.all(order.keys.map((key) => this.#open.forget(key)));
        return { pending: said.filter((word) => word === 'pending').length };
      }
      case 'finish':
        this.#hold?.end();
        this.#hold = undefined;
        await this.#held;
        return {};
      case 'read':
        return this.#readAll(order.keys);
      case 'crowd':
        this.#loadMs = order.loadMs;
        try {
          return await this.#readAll(Array.from({ length: order.callers }, () => order.key));
        } finally {
          this.#loadMs = 0;
        }
      case 'close':
        await this.#cache?.close();
        return {};
    }
  }

  get #open(): OpenCache {
    if (this.#cache === undefined) throw new Error('the first order is to open a cache');
    return this.#cache;
  }

  async #readAll(keys: readonly string[]): Promise<Partial<Report>> {
    const begun = performance.now();
    let stale = 0;
    let slowestMs = 0;
    await Promise.all(
      keys.map(async (key) => {
        const row = await this.#open.get(key);
        // The source has a row for every key.
        if (row === null || row === undefined) throw new Error(`a cache has no '${key}'`);
        if (row.version < this.#versionOf(key)) stale++;
        slowestMs = Math.max(slowestMs, performance.now() - begun);
      }),
    );
    return { stale, slowestMs };
  }

  async #load(key: string): Promise<Row> {
    this.#loads++;
    const row = rowOf(key, this.#versionOf(key));
    if (this.#hold !== undefined) await this.#hold.enter();
    else if (this.#loadMs > 0) await sleep(this.#loadMs);
    return row;
  }

  #versionOf(key: string): number {
    return this.#versions.get(key) ?? 1;
  }
}

/** Where loads wait until they are all let go. */
class Hold {
  readonly full: Promise<void>;
  readonly #ended: Promise<void>;
  #missing: number;
  #fill = () => {};
  end = () => {};

  constructor(places: number) {
    this.#missing = places;
    this.full = new Promise((resolve) => {
      this.#fill = resolve;
    });
    this.#ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  enter(): Promise<void> {
    this.#missing--;
    if (this.#missing === 0) this.#fill();
    return this.#ended;
  }
}
