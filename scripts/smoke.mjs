/**
 * Looks whether servers that run elsewhere can be used: `MERIDIAN_MYSQL_URLS` (several, separated by
 * commas) and `MERIDIAN_REDIS_URL`. Writes nothing that stays.
 */
import { Redis } from 'ioredis';
import mysql from 'mysql2/promise';
import { main, Obstacle } from './run.mjs';

await main(async () => {
  const mysqlUrls = (process.env.MERIDIAN_MYSQL_URLS ?? '').split(',').filter(Boolean);
  const redisUrl = process.env.MERIDIAN_REDIS_URL;
  if (mysqlUrls.length === 0 && !redisUrl) {
    throw new Obstacle('Give MERIDIAN_MYSQL_URLS, separated by commas, or MERIDIAN_REDIS_URL.');
  }
  const looks = [
    ...mysqlUrls.map((url, index) => [`MySQL ${index + 1}`, () => lookAtMysql(url)]),
    ...(redisUrl ? [['Redis', () => lookAtRedis(redisUrl)]] : []),
  ];
  let failures = 0;
  for (const [name, look] of looks) {
    try {
      console.log(`ok     ${name}: ${await look()}`);
    } catch (error) {
      failures += 1;
      console.log(`FAILED ${name}: ${error.message || error.code}`);
    }
  }
  return failures === 0 ? 0 : 1;
});

async function lookAtMysql(url) {
  const connection = await mysql.createConnection(url);
  try {
    await connection.query('CREATE TEMPORARY TABLE meridian_smoke (id BINARY(16) PRIMARY KEY)');
    await connection.execute('INSERT INTO meridian_smoke VALUES (?)', [Buffer.alloc(16, 1)]);
    const [[row]] = await connection.query(
      'SELECT VERSION() AS version, @@sql_mode AS mode, COUNT(*) AS count FROM meridian_smoke',
    );
    if (row.count !== 1) throw new Error('a row that was written is not read back');
    if (!/STRICT_(TRANS|ALL)_TABLES/.test(row.mode)) throw new Error('strict SQL mode is off');
    return row.version;
  } finally {
    connection.destroy();
  }
}

async function lookAtRedis(url) {
  const client = new Redis(url, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
  // The command that fails reports it.
  client.on('error', () => {});
  try {
    const key = `meridian:smoke:${process.pid}:${Date.now()}`;
    await client.set(key, 'yes', 'PX', 10_000);
    if ((await client.get(key)) !== 'yes') throw new Error('a key that was set is not read back');
    await client.del(key);
    return /redis_version:(\S+)/.exec(await client.info('server'))?.[1];
  } finally {
    client.disconnect();
  }
}
