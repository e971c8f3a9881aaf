// The texts below hold placeholders of Meridian, not of JavaScript.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax under test
import { describe, expect, it } from 'vitest';
import { readEndpointUrl } from '../../../src/config/endpoint-url.ts';
import { substituteEnvironment } from '../../../src/config/environment.ts';

const hard = 'p@ss/w:o#r?d%20$' + '{X}';

describe('a variable in a URL', () => {
  it('may hold any character as a password', () => {
    const { text, missing } = substituteEnvironment('mysql://app:${P}@h:3307/db?tls=off', {
      P: hard,
    });
    expect(missing).toEqual([]);
    expect(readEndpointUrl(text)).toEqual({
      host: 'h',
      port: 3307,
      user: 'app',
      password: hard,
      database: 'db',
      tls: 'off',
    });
  });

  it('may be the host, the database or the whole', () => {
    const environment = { HOST: 'h:3307', DB: 'db', URL: 'mysql://app:a%40b@h/db' };
    expect(substituteEnvironment('mysql://app@${HOST}/${DB}', environment).text).toBe(
      'mysql://app@h:3307/db',
    );
    expect(substituteEnvironment('${URL}', environment).text).toBe(environment.URL);
  });

  it('is reported when it is not set, and may be empty', () => {
    expect(substituteEnvironment('${A}${B}${C}', { B: '' }).missing).toEqual(['A', 'C']);
  });
});

describe('the URL of an endpoint', () => {
  it('may have an IPv6 host, a default port and TLS', () => {
    expect(readEndpointUrl('mariadb://a:b@[::1]/db?tls=verify')).toMatchObject({
      host: '::1',
      port: 3306,
      tls: 'verify',
    });
  });

  it.each([
    'mysql://a:b@h/d/e',
    'mysql://a:b@h/',
    'mysql://a:b@h/d?tls=maybe',
    'x',
    'mysql://a:%@h/d',
  ])('is refused without being quoted: %s', (text) => {
    const message = readEndpointUrl(text);
    expect(message).toBeTypeOf('string');
    expect(message).not.toContain(text);
  });
});
