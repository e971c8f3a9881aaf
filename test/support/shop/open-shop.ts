import { Client } from '../../../examples/shop/local/client.ts';
import { type Shop, startShop } from '../../../examples/shop/local/shop.ts';
import { newBuyer } from './visitors.ts';

export type Buyer = Awaited<ReturnType<typeof newBuyer>>;

/** A shop with tea in stock, a customer and one of the staff. */
export interface OpenShop {
  readonly shop: Shop;
  readonly client: Client;
  readonly buyer: Buyer;
  readonly support: Buyer;
  /** What all services have written so far. */
  readonly log: () => string;
}

export async function openShop(): Promise<OpenShop> {
  let log = '';
  const shop = await startShop({
    env: { REQUESTS_PER_MINUTE: '1000000', DEADLINE_MS: '10000' },
    onLog: (text) => {
      log += text;
    },
  });
  await shop.data.items.put({ code: 'tea', cents: 350 });
  await shop.data.stock.insert({ item: 'tea', pieces: 10_000 });
  return {
    shop,
    client: new Client(shop.gateways.eu),
    buyer: await newBuyer(shop),
    support: await newBuyer(shop, 'support'),
    log: () => log,
  };
}
