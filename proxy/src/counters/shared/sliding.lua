-- A window that slides, as in sliding.rs. KEYS: its key. ARGV: limit, window in ms, cost.
-- Kept: when the window ends, what was taken in it, and what in the one before it.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, length, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local ends = now - now % length + length
local left = ends - now

local used, before = 0, 0
local kept = redis.call('GET', KEYS[1])
if kept then
  local until_then, taken, earlier = string.match(kept, '^(%S+) (%S+) (%S+)$')
  local since = ends - until_then
  if since <= 0 then
    used, before = tonumber(taken), tonumber(earlier)
  elseif since <= length then
    before = tonumber(taken)
  end
end

local in_view = math.ceil(before * left / length) + used
local allowed = in_view + cost <= limit
local retry = 0
if allowed then
  in_view = in_view + cost
  used = used + cost
elseif cost > limit then
  retry = 4294967295
elseif used + cost <= limit and before > 0 then
  retry = math.max(1, left - math.floor((limit - used - cost) * length / before))
else
  retry = math.max(1, left + length - math.floor((limit - cost) * length / math.max(1, used)))
end
if allowed and cost > 0 then
  redis.call('SET', KEYS[1], string.format('%.0f %.0f %.0f', ends, used, before), 'PX', left + length)
end
local reset = left + length
if used == 0 then reset = before == 0 and 0 or left end
local function narrow(number) return math.min(4294967295, number) end
return { allowed and 1 or 0, math.max(0, limit - in_view), narrow(reset), narrow(retry) }
