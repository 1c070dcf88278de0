-- One JSON line with what wrk saw, so that nobody has to read its prose.
-- Arguments: requests sent in one write, body to POST (none: GET).
function init(args)
  local depth = tonumber(args[1]) or 1
  if args[2] then
    wrk.method = "POST"
    wrk.body = args[2]
  end
  if depth == 1 then return end
  local batch = {}
  for i = 1, depth do batch[i] = wrk.format() end
  local bytes = table.concat(batch)
  request = function() return bytes end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"p50Us":%.1f,"p99Us":%.1f,"badStatus":%d,"socketErrors":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
