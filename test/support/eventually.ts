import { vi } from 'vitest';

/** Waits until `check` no longer throws, and gives what it returned. Patient, for the machine may be busy. */
export function eventually<T>(
  check: () => T | Promise<T>,
  options: { readonly timeout?: number; readonly interval?: number } = {},
): Promise<T> {
  return vi.waitFor(check, { timeout: 10_000, ...options });
}
