-- One line of figures for a script instead of wrk's page for a reader. Latencies and duration are in microseconds. An argument is a
-- pause, in milliseconds, between an answer and the next request of its connection.
function init(arguments)
  local pause = tonumber(arguments[1])
  if pause then delay = function() return pause end end
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("figures %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.timeout + e.status))
end
