-- A number that is added to, as in number.rs. KEYS: its key. ARGV: what is added, time to live in ms.
-- The sum goes as text: numbers of this language are exact to 53 bits only.
local sum = redis.pcall('INCRBY', KEYS[1], ARGV[1])
if type(sum) == 'table' then
  if not string.find(sum.err, 'overflow', 1, true) then return sum end
  local least = string.sub(ARGV[1], 1, 1) == '-'
  redis.call('SET', KEYS[1], least and '-9223372036854775808' or '9223372036854775807')
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('GET', KEYS[1])
