-- wrk's half of benchmarks/load.py: any resident says any text, every update id once. Settings come by environment.
local threads = {}
local texts, request_format, body_format = {}, nil, nil
local first, residents, first_resident, now
sent = 0

function setup(thread)
  table.insert(threads, thread)
end

function init(_)
  for line in io.lines(os.getenv("LOAD_TEXTS")) do table.insert(texts, line) end
  first = tonumber(os.getenv("LOAD_FIRST"))
  residents = tonumber(os.getenv("LOAD_RESIDENTS"))
  first_resident = tonumber(os.getenv("LOAD_FIRST_RESIDENT"))
  now = os.time()
  math.randomseed(tonumber(os.getenv("LOAD_SEED")))
  request_format = "POST " .. os.getenv("LOAD_PATH") .. " HTTP/1.1\r\nHost: 127.0.0.1:" .. os.getenv("LOAD_PORT")
    .. "\r\nContent-Type: application/json\r\nX-Telegram-Bot-Api-Secret-Token: " .. os.getenv("LOAD_SECRET")
    .. "\r\nContent-Length: %d\r\n\r\n%s"
  body_format = '{"update_id": %d, "message": {"message_id": %d, "from": {"id": %d, "first_name": "居民", '
    .. '"language_code": "zh-hans", "is_bot": false}, "chat": {"id": %d, "first_name": "居民", "type": "private"}, '
    .. '"date": %d, "text": %s}}'
end

function request()
  local id = first + sent
  sent = sent + 1
  local user = first_resident + math.random(0, residents - 1)
  local body = string.format(body_format, id, id, user, user, now, texts[math.random(#texts)])
  return string.format(request_format, #body, body)
end

function done(summary, latency, _)
  local used = 0
  for _, thread in ipairs(threads) do used = used + thread:get("sent") end
  local errors = summary.errors
  print(string.format(
    'LOAD {"sent": %d, "answered": %d, "status": %d, "socket": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f}',
    used, summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
