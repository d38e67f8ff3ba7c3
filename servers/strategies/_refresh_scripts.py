"""Scripts over a user's families of refresh tokens: each one step, and none creates but CREATE.

Times are the store's own (TIME), so that no two replicas disagree about a life or a grace.
"""

from __future__ import annotations

_NOW_MS = """
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
"""

# The index lives as long as its longest family, so a kick never misses one.
# KEYS family, index, role · ARGV role, user_id, hash, auth_time_s, idle_ms, absolute_ms,
# one_session. Returns the role.
CREATE = f"""
{_NOW_MS}
local absolute_ms = tonumber(ARGV[6])
local ends_ms = now_ms + absolute_ms
local start, id = string.match(KEYS[1], '^(.*}})(.*)$')
if ARGV[7] == '1' then
  local others = redis.call('ZRANGE', KEYS[2], 0, -1)
  for _, other in ipairs(others) do redis.call('DEL', start .. other) end
  redis.call('DEL', KEYS[2])
end
local role = redis.call('GET', KEYS[3]) or ARGV[1]
redis.call('HSET', KEYS[1], 'user_id', ARGV[2], 'role', role, 'current', ARGV[3],
  'auth_time_s', ARGV[4], 'state', '{{}}', 'ends_ms', ends_ms)
redis.call('PEXPIRE', KEYS[1], math.min(tonumber(ARGV[5]), absolute_ms))
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now_ms)
redis.call('ZADD', KEYS[2], ends_ms, id)
if redis.call('PTTL', KEYS[2]) < absolute_ms then redis.call('PEXPIRE', KEYS[2], absolute_ms) end
return role
"""

# KEYS family · ARGV hash of the presented token, hash of its successor, grace_ms, idle_ms, start
# of index keys, id. Returns 'unknown', 'reused', or 'good' with what the family says.
ROTATE = f"""
local family = redis.call('HMGET', KEYS[1], 'user_id', 'role', 'auth_time_s', 'state',
  'ends_ms', 'current', 'previous', 'rotated_ms')
if not family[1] then return {{'unknown'}} end
{_NOW_MS}
local left_ms = family[5] - now_ms
if ARGV[1] == family[6] then
  redis.call('HSET', KEYS[1], 'current', ARGV[2], 'previous', ARGV[1], 'rotated_ms', now_ms)
  redis.call('PEXPIRE', KEYS[1], math.min(tonumber(ARGV[4]), left_ms))
elseif ARGV[1] ~= family[7] or now_ms - family[8] >= tonumber(ARGV[3]) then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', ARGV[5] .. family[1], ARGV[6])
  return {{'reused'}}
end
return {{'good', family[1], family[2], family[3], family[4], left_ms, redis.call('PTTL', KEYS[1])}}
"""

# KEYS family · ARGV state. Returns whether there is such a family.
WRITE_STATE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'state', ARGV[1])
return 1
"""

# KEYS family, index · ARGV id.
DROP = """
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
"""

# KEYS index · ARGV start of family keys, id to keep.
END_OTHERS = """
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if id ~= ARGV[2] then
    redis.call('DEL', ARGV[1] .. id)
    redis.call('ZREM', KEYS[1], id)
  end
end
"""

# KEYS index, role · ARGV start of family keys, role.
SET_ROLE = """
redis.call('SET', KEYS[2], ARGV[2])
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local family = ARGV[1] .. id
  if redis.call('EXISTS', family) == 1 then redis.call('HSET', family, 'role', ARGV[2]) end
end
"""
