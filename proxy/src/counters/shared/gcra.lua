-- A bucket that refills evenly, as in gcra.rs. KEYS: its key. ARGV: limit, window in ms, burst, cost.
-- Kept: microseconds until it is full again, and since when that is so.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local burst, cost = tonumber(ARGV[3]), tonumber(ARGV[4])
local interval = ARGV[2] * 1000 / ARGV[1]
local horizon = interval * burst
-- What sums of fractions are rounded by is far less than this.
local slack = interval / 1000000

local function narrow(number) return math.min(4294967295, math.max(0, number)) end

local debt = 0
local kept = redis.call('GET', KEYS[1])
if kept then
  local was, since = string.match(kept, '^(%S+) (%S+)$')
  debt = math.max(0, was - math.max(0, now - since))
end
-- Debt under an earlier, slower quota shrinks to a bucket that is empty under this one.
local shrinks = debt > horizon
debt = math.min(debt, horizon)

local after = debt + interval * cost
local allowed = after <= horizon + slack
local retry = 0
if allowed then
  debt = math.min(after, horizon)
elseif cost > burst then
  retry = 4294967295
else
  retry = math.max(1, math.ceil((after - horizon - slack) / 1000))
end
local reset = math.ceil((debt - slack) / 1000)
if cost > 0 and (allowed or shrinks) then
  redis.call('SET', KEYS[1], string.format('%.6f %.0f', debt, now), 'PX', narrow(reset + 1))
end
local left = math.floor((horizon - debt + slack) / interval)
return { allowed and 1 or 0, narrow(left), narrow(reset), narrow(retry) }
