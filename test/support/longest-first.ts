import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files of ten seconds and more on two quiet cores, the longest first. */
const long = [
  'test/integration/examples/shop-visit.test.ts',
  'test/integration/directory/directory-crashes.test.ts',
  'test/integration/docs.test.ts',
  'test/package/tarball.test.ts',
  'test/chaos/cache-history.test.ts',
  'test/integration/cache/cache-contract.test.ts',
  'test/integration/examples/shop-injection.test.ts',
  'test/integration/examples/shop-faults.test.ts',
  'test/integration/testing/local-redis.test.ts',
  'test/integration/examples/shop.test.ts',
  'test/integration/relocation/relocation-crash.test.ts',
  'test/integration/relocation/relocation-faults.test.ts',
  'test/chaos/ledger.test.ts',
  'test/integration/relocation/relocation-online.test.ts',
  'test/integration/scatter/everywhere-differential.test.ts',
];

/** Begins with the longest files: one of them begun last would keep a single worker busy at the end. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const index = long.indexOf(relative(this.ctx.config.root, moduleId));
      return index < 0 ? long.length : index;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}
