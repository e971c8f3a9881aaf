import { expect, it } from 'vitest';
import { grantsTrigger } from '../../../src/mysql/schema/seen-triggers.ts';

it.each([
  ['GRANT ALL PRIVILEGES ON *.* TO `me`@`%`', true],
  ['GRANT SELECT, TRIGGER ON `app\\_1`.* TO `me`@`%`', true],
  ['GRANT SELECT, TRIGGER ON `app%`.* TO `me`@`%`', true],
  ['GRANT SELECT, INSERT ON `app_1`.* TO `me`@`%`', false],
  ['GRANT TRIGGER ON `other`.* TO `me`@`%`', false],
  ['GRANT TRIGGER ON `app_1`.`one` TO `me`@`%`', false],
  ['GRANT USAGE ON *.* TO `me`@`%`', false],
  ['GRANT `TRIGGER`@`%` TO `me`@`%`', false],
])('%s: %s', (grant, sees) => {
  expect(grantsTrigger(grant, 'app_1')).toBe(sees);
});
