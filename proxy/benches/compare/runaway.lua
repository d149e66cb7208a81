-- wrk -s runaway.lua URL -- PAUSE_MS [NAME VALUE]: each connection asks, waits for its answer, pauses, asks again.
local pause, name, value

function init(args)
  pause, name, value = tonumber(args[1]), args[2], args[3]
  if name then wrk.headers[name] = value end
end

function delay() return pause end

-- Latencies in microseconds, one line.
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("figures %d %d %d %d %d %d %d\n", summary.requests, latency:percentile(50), latency:percentile(99),
    latency:percentile(99.9), latency.max, e.status, e.connect + e.read + e.write + e.timeout))
end
