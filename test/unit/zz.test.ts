import { expect, it } from 'vitest';
import { TestingError } from 'meridian/testing';
it('x', () => { expect(new TestingError('x').code).toBe('MERIDIAN_TESTING'); });
