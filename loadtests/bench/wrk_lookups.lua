-- Whole requests come from a file, each ending with an empty line; one is drawn evenly each time, as
-- the scenario `lookups` does. One JSON line at the end says what was seen.
local requests = {}

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  -- Where /dev/fd shares the offset of whoever wrote.
  file:seek("set")
  for request in file:read("*a"):gmatch("(.-\r\n\r\n)") do
    requests[#requests + 1] = request
  end
  file:close()
  math.randomseed(tonumber(arguments[2]))
end

function request()
  return requests[math.random(#requests)]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"duration_us":%d,"latency_p50_us":%d,"latency_p99_us":%d,' ..
    '"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
