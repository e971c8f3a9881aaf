/**
 * The value is stored only by the holder of the lease that was taken before it was loaded. An
 * invalidation deletes value and lease together, so what was loaded before it can't be stored.
 *
 * Source: R. Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013, section 3.2.1.
 *
 * KEYS: value, lease. ARGV: token, value, milliseconds to live.
 */
export const fillScript = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return 1`;

/**
 * Gives a lease back when its load failed, so that the next reader need not wait for it to expire.
 *
 * KEYS: lease. ARGV: token.
 */
export const releaseScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;
