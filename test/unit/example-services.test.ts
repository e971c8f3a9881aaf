import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const shop = fileURLToPath(new URL('../../examples/shop', import.meta.url));
const services = ['edge-gateway', 'user-auth', 'payment', 'analytics', 'inventory'];

it.each(services)('%s stays small', (service) => {
  const sizes = readdirSync(`${shop}/${service}`).map(
    (file) => readFileSync(`${shop}/${service}/${file}`, 'utf8').trimEnd().split('\n').length,
  );
  expect(sizes.length).toBeGreaterThan(2);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(150);
  expect(sizes.reduce((sum, lines) => sum + lines)).toBeLessThanOrEqual(250);
});

it.each(services)('%s could be copied out, with the platform', (service) => {
  for (const file of readdirSync(`${shop}/${service}`)) {
    const text = readFileSync(`${shop}/${service}/${file}`, 'utf8');
    const from = [...text.matchAll(/ from '(\.[^']+)'/g)].map(([, path = '']) => path);
    for (const path of from) expect(path).toMatch(/^\.\/|^\.\.\/platform\//);
    expect(text).not.toMatch(/src\//);
  }
});
