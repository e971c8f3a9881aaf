import { createHash } from 'node:crypto';

// Values are unlinked before they are replaced: a server frees a long one aside, and goes on meanwhile.

/** A script, and the name under which a server remembers it: another text, another name. */
export interface RedisScript {
  readonly text: string;
  readonly sha: string;
}

function script(text: string): RedisScript {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

/**
 * Takes the lease of a key, unless another has it, or a value has come since somebody looked. Whether
 * the key was changed of late is looked up in the same step: from then on the lease tells.
 *
 * KEYS: value, lease, mark where changes leave one. ARGV: token, milliseconds to live, '1' when there was no value to begin with,
 * bytes past which a value counts for none. Returns 1 when taken, 2 when taken of a key that was
 * changed of late, 0 when another has it, or the value.
 */
export const leaseScript = script(`
local length = redis.pcall('STRLEN', KEYS[1])
local value = false
if type(length) == 'number' and length > 0 and length <= tonumber(ARGV[4]) then
  value = redis.call('GET', KEYS[1])
end
if ARGV[3] == '1' and value then return value end
if not redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2], 'NX') then return 0 end
return KEYS[3] and redis.pcall('GET', KEYS[3]) and 2 or 1`);

/**
 * Stores a value by right of the lease that was taken before it was loaded. An invalidation deletes
 * value and lease together, so what was loaded before it can't be stored after it. Nor does a value
 * with a version replace one with a higher.
 *
 * Source: R. Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013, section 3.2.1.
 *
 * KEYS: value, lease. ARGV: token, value, milliseconds to live, version or ''. Returns 1 when stored.
 */
export const fillScript = script(`
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
local function isNewer(one, other)
  local isNegative = string.sub(one, 1, 1) == '-'
  if isNegative ~= (string.sub(other, 1, 1) == '-') then return not isNegative end
  if isNegative then one, other = other, one end
  return #one > #other or #one == #other and one > other
end
local version = ARGV[4]
if version ~= '' then
  local start = redis.pcall('GETRANGE', KEYS[1], 0, 63)
  local held = type(start) == 'string' and string.match(start, '^m2|(%-?%d+)|')
  if held and isNewer(held, version) then return 0 end
end
redis.call('UNLINK', KEYS[1])
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`);

/**
 * Gives a lease back when its load failed, so that the next reader need not wait for it to expire.
 *
 * KEYS: lease. ARGV: token.
 */
export const releaseScript = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`);

/**
 * Keeps a lease while its load goes on.
 *
 * KEYS: lease. ARGV: token, milliseconds to live.
 */
export const renewScript = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`);

/**
 * Forgets a value and voids its lease, and tells those who may hold the value in memory. A mark may stay
 * that says that the value was changed of late, which only time ends. Without a channel nobody is told.
 *
 * KEYS: value, lease, mark if one is left. ARGV: channel or '', message, milliseconds for the mark.
 */
export const invalidateScript = script(`
redis.call('DEL', KEYS[2])
redis.call('UNLINK', KEYS[1])
if KEYS[3] then redis.call('SET', KEYS[3], '1', 'PX', ARGV[3]) end
if ARGV[1] ~= '' then redis.call('PUBLISH', ARGV[1], ARGV[2]) end
return 1`);

/**
 * Reads a value unless it is longer than a limit: then 0.
 *
 * KEYS: value. ARGV: bytes.
 */
export const boundedReadScript = script(`
if redis.call('STRLEN', KEYS[1]) > tonumber(ARGV[1]) then return 0 end
return redis.call('GET', KEYS[1])`);

/**
 * Marks that any value of a namespace may have been changed of late.
 *
 * KEYS: mark. ARGV: milliseconds for it.
 */
export const markAllScript = script(`
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
return 1`);

/**
 * What names the data of a server since it was emptied last: it takes the name that is given where it has
 * none. Nothing while any value may have been changed of late.
 *
 * KEYS: name, mark of all where it lies there too. ARGV: name.
 */
export const eraScript = script(`
if KEYS[2] and redis.call('GET', KEYS[2]) then return false end
local name = redis.call('GET', KEYS[1])
if name then return name end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]`);

/**
 * The id of a Redis, which takes the one that is given, if any, where it has none.
 *
 * KEYS: id. ARGV: id or ''.
 */
export const identityScript = script(`
local id = redis.call('GET', KEYS[1])
if id then return id end
if ARGV[1] == '' then return false end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]`);

/** Nothing but a trial of the command that runs the others. */
export const trialScript = script('return 1');

export const allScripts = [
  trialScript,
  leaseScript,
  fillScript,
  releaseScript,
  renewScript,
  invalidateScript,
  boundedReadScript,
  identityScript,
  markAllScript,
  eraScript,
];
