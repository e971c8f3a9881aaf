import { expectTypeOf, it } from 'vitest';
import { startLocalCluster, type LocalServer } from 'meridian/testing';
it('x', () => { expectTypeOf(startLocalCluster({shards:['a']}).then(c=>c.redis)).resolves.toEqualTypeOf<LocalServer>(); expectTypeOf(startLocalCluster({shards:['a'], redis: false}).then(c=>c.redis)).resolves.toEqualTypeOf<undefined>();});
