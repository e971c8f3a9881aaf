import { request } from 'node:http';

/** Where an engine that build-test-images.mjs starts keeps everything it has. */
export const ownEngineFolder = '/var/lib/meridian-docker';
export const ownEngineSocket = `${ownEngineFolder}/docker.sock`;

export const localImages = {
  mysql: 'meridian-test-mysql:9.7',
  redis: 'meridian-test-valkey:9',
};
export const officialImages = { mysql: 'mysql:9.7', redis: 'valkey/valkey:9' };

/** The images the tests run when nothing else is decided. */
export function testImages() {
  return {
    mysql: process.env.MERIDIAN_MYSQL_IMAGE || officialImages.mysql,
    redis: process.env.MERIDIAN_REDIS_IMAGE || officialImages.redis,
  };
}

/** A container engine that answers, or `undefined`. */
export async function findEngine() {
  const urls = [
    process.env.DOCKER_HOST,
    'unix:///var/run/docker.sock',
    `unix://${ownEngineSocket}`,
  ];
  for (const url of urls) {
    const engine = url && engineAt(url);
    if (engine && (await answers(engine))) return engine;
  }
  return undefined;
}

export async function answers(engine) {
  const reply = await call(engine, 'GET', '/_ping');
  return reply?.status === 200;
}

export async function hasImages(engine, names) {
  for (const name of names) {
    const reply = await call(engine, 'GET', `/images/${encodeURIComponent(name)}/json`);
    if (reply?.status !== 200) return false;
  }
  return true;
}

/** Whether the image is there afterwards; it is not where no registry can be reached. */
export async function pull(engine, name) {
  const [image, tag = 'latest'] = name.split(':');
  await call(engine, 'POST', `/images/create?fromImage=${encodeURIComponent(image)}&tag=${tag}`);
  return hasImages(engine, [name]);
}

export function engineAt(url) {
  const { protocol, hostname, port, pathname } = new URL(url);
  if (protocol === 'unix:') return { url, address: { socketPath: pathname } };
  if (protocol === 'tcp:' || protocol === 'http:') {
    return { url, address: { host: hostname, port: port || 2375 } };
  }
  return undefined;
}

/** `undefined` when nobody answers. */
function call({ address }, method, path) {
  return new Promise((resolve) => {
    const asked = request({ ...address, method, path }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => {
        body += text;
      });
      response.once('end', () => resolve({ status: response.statusCode, body }));
      response.once('error', () => resolve(undefined));
    });
    asked.once('error', () => resolve(undefined));
    asked.end();
  });
}
