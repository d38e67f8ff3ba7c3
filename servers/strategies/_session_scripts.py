"""Scripts over a user's session keys: each one step, so that no login slips between two."""

from __future__ import annotations

# The index lives as long as its longest session, so a kick never misses one.
# KEYS session, index, role · ARGV role, ends_ms, user_id, first_ms, now_ms, id, life_ms,
# one_session, start of session keys. Returns the ids it ended.
CREATE = """
local ended = {}
if ARGV[8] == '1' then
  ended = redis.call('ZRANGE', KEYS[2], 0, -1)
  for _, id in ipairs(ended) do redis.call('DEL', ARGV[9] .. id) end
  redis.call('DEL', KEYS[2])
end
local role = redis.call('GET', KEYS[3]) or ARGV[1]
local value = role .. ' ' .. ARGV[2] .. ' ' .. ARGV[3] .. '\\n{}'
redis.call('SET', KEYS[1], value, 'PX', ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[5])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[6])
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[7]) then
  redis.call('PEXPIRE', KEYS[2], ARGV[7])
end
return ended
"""

# KEYS session · ARGV state. Never creates; the head stays what it is by now, role and all.
WRITE_STATE = """
local value = redis.call('GET', KEYS[1])
if not value then return 0 end
local head = string.sub(value, 1, string.find(value, '\\n', 1, true))
redis.call('SET', KEYS[1], head .. ARGV[1], 'XX', 'KEEPTTL')
return 1
"""

# KEYS session, index · ARGV id.
DROP = """
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
"""

# KEYS index · ARGV start of session keys, id to keep. Returns the ids it ended.
END_OTHERS = """
local ended = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if id ~= ARGV[2] then
    redis.call('DEL', ARGV[1] .. id)
    redis.call('ZREM', KEYS[1], id)
    ended[#ended + 1] = id
  end
end
return ended
"""

# KEYS index, role · ARGV start of session keys, role. Returns the ids it changed.
SET_ROLE = """
redis.call('SET', KEYS[2], ARGV[2])
local changed = redis.call('ZRANGE', KEYS[1], 0, -1)
for _, id in ipairs(changed) do
  local value = redis.call('GET', ARGV[1] .. id)
  if value then
    local rest = string.sub(value, string.find(value, ' ', 1, true), -1)
    redis.call('SET', ARGV[1] .. id, ARGV[2] .. rest, 'XX', 'KEEPTTL')
  end
end
return changed
"""

# KEYS sessions · ARGV idle life (ms). Returns their values in order; renews each.
LOOK_UP_MANY = """
local values = {}
for number, key in ipairs(KEYS) do
  values[number] = redis.call('GETEX', key, 'PX', ARGV[1])
end
return values
"""

# KEYS session · ARGV idle life (ms), the least of it that may be left. Never creates, and writes
# only where less is left. Returns value, what is left by now (ms), whether it was renewed.
LOOK_UP_LAZILY = """
local value = redis.call('GET', KEYS[1])
if not value then return false end
local left_ms = redis.call('PTTL', KEYS[1])
if left_ms >= tonumber(ARGV[2]) then return {value, left_ms, 0} end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {value, tonumber(ARGV[1]), 1}
"""
