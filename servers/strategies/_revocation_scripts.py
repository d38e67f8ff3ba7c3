"""Scripts of the revocation register: each writes and announces in one step.

KEYS[1] is where the names of all keys begin. ARGV[1]: how long a change is remembered (ms), which
is longer than any token lives; ARGV[2]: a generation, for a store that has none.

An epoch is a counter that looks at the clock only to jump ahead (a hybrid logical clock, Kulkarni
et al. 2014): it never goes back while the store stands. A store that comes back without its last
seconds counts on beyond the epochs it gave out in them, in kicks and in logins alike: a replica
that remembers those seconds refuses neither too little nor too much.
"""

from __future__ import annotations

from typing import Literal

# Where changes are announced: keys that requests look up, a channel, or a log that is kept.
Medium = Literal["keys", "channel", "log"]

_PRELUDE = """
local base, memory_ms = KEYS[1], tonumber(ARGV[1])
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', base .. 'generation', ARGV[2], 'NX')
local generation = redis.call('GET', base .. 'generation')

local function number_at(name) return tonumber(redis.call('GET', base .. name) or 0) end

local function epoch_of_at_least(least)
  local epoch = string.format('%.0f', math.max(least, now_ms))
  redis.call('SET', base .. 'epoch', epoch)
  return epoch
end

local function next_epoch() return epoch_of_at_least(number_at('epoch') + 1) end
"""

_ANNOUNCE: dict[Medium, str] = {
    # Epochs and roles have keys of their own already.
    "keys": """
local function announce(kind, number, about, life_ms)
  if kind == 'login' then redis.call('SET', base .. 'login:' .. about, number, 'PX', life_ms) end
end
""",
    "channel": """
local function announce(kind, number, about)
  redis.call('PUBLISH', base .. 'channel', kind .. ' ' .. number .. ' ' .. about)
end
""",
    # By age, never by length: what is trimmed concerns no token that can still be good.
    "log": """
local function announce(kind, number, about)
  local oldest = string.format('%.0f', now_ms - memory_ms)
  redis.call('XADD', base .. 'log', 'MINID', '~', oldest, '*',
    'change', kind .. ' ' .. number .. ' ' .. about)
end
""",
}

_BUMP = """
local function bump(kind, about)
  local epoch = next_epoch()
  redis.call('SET', base .. kind .. ':' .. about, epoch, 'PX', memory_ms)
  announce(kind, epoch, about)
  return tonumber(epoch)
end
"""

# ARGV from the third on: whether a login ends the user's others, user ids. Returns the generation,
# then an epoch and a role ('': never changed) for each.
_LOG_IN = """
local standings = {generation}
local ends_others = ARGV[3] == '1'
local epoch = not ends_others and tonumber(epoch_of_at_least(number_at('epoch')))
for number = 4, #ARGV do
  local user = ARGV[number]
  standings[#standings + 1] = ends_others and bump('user', user) or epoch
  standings[#standings + 1] = redis.call('GET', base .. 'role:' .. user) or ''
end
return standings
"""

# ARGV from the third on: kind, about whom. Returns the epoch that ends logins of before.
_BUMP_ALL_OR_USER = "return bump(ARGV[3], ARGV[4])"

# A login that was kicked meanwhile must not get a token of the next epoch.
# ARGV from the third on: user, epoch and generation of the login that goes on, what it counts as
# where the generation is another. Returns the generation and an epoch; nothing, where it is out.
_BUMP_OTHERS = """
local epoch = tonumber(ARGV[5] == generation and ARGV[4] or ARGV[6])
if epoch < math.max(number_at('user:' .. ARGV[3]), number_at('all:')) then return false end
return {generation, bump('user', ARGV[3])}
"""

# ARGV from the third on: sid, when its tokens expire (s), how long that is to be remembered (ms).
_DENY_LOGIN = "announce('login', ARGV[4], ARGV[3], ARGV[5])"

# ARGV from the third on: user, role. Returns an epoch, by which it supersedes earlier ones.
_SET_ROLE = """
redis.call('SET', base .. 'role:' .. ARGV[3], ARGV[4])
local epoch = next_epoch()
announce('role', epoch, ARGV[4] .. ' ' .. ARGV[3])
return tonumber(epoch)
"""

_OPERATIONS = {
    "log_in": _LOG_IN,
    "bump": _BUMP_ALL_OR_USER,
    "bump_others": _BUMP_OTHERS,
    "deny_login": _DENY_LOGIN,
    "set_role": _SET_ROLE,
}

# KEYS start of all names · ARGV a generation. Returns the generation, and the last id of the log.
STATE_OF_LOG = """
redis.call('SET', KEYS[1] .. 'generation', ARGV[1], 'NX')
local last_id = '0-0'
local about = redis.pcall('XINFO', 'STREAM', KEYS[1] .. 'log')
for number = 1, #about, 2 do
  if about[number] == 'last-generated-id' then last_id = about[number + 1] end
end
return {redis.call('GET', KEYS[1] .. 'generation'), last_id}
"""


def operations(medium: Medium) -> dict[str, str]:
    """Scripts by what they do."""
    start = _PRELUDE + _ANNOUNCE[medium] + _BUMP
    return {name: start + operation for name, operation in _OPERATIONS.items()}
