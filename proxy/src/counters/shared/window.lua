-- A window that starts over at multiples of its length, as in window.rs. KEYS: its key. ARGV: limit, window in ms, cost.
-- Kept: when the window ends, and what was taken in it.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, length, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local ends = now - now % length + length
local left = ends - now

local used = 0
local kept = redis.call('GET', KEYS[1])
if kept then
  local until_then, taken = string.match(kept, '^(%S+) (%S+)$')
  if tonumber(until_then) > now then used = tonumber(taken) end
end

local allowed = used + cost <= limit
local retry = 0
if allowed then
  used = used + cost
elseif cost > limit then
  retry = 4294967295
else
  retry = left
end
if allowed and cost > 0 then
  redis.call('SET', KEYS[1], string.format('%.0f %.0f', ends, used), 'PX', left)
end
return { allowed and 1 or 0, math.max(0, limit - used), left, retry }
