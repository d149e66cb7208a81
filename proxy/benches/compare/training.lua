-- A mixed load to train the optimiser with: what edges see, not what the benchmark measures. Deterministic.
local browser = {
  ["Host"] = "shop.example",
  ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
  ["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
  ["Accept-Language"] = "en-GB,en;q=0.7,de;q=0.3",
  ["Accept-Encoding"] = "gzip, deflate, br, zstd",
  ["Cookie"] = "session=0b1f7d6c5a4e3928; theme=dark; consent=1; cart=17",
  ["Referer"] = "https://shop.example/items?page=3",
  ["Upgrade-Insecure-Requests"] = "1",
  ["Sec-Fetch-Dest"] = "document",
  ["Sec-Fetch-Mode"] = "navigate",
  ["Sec-Fetch-Site"] = "same-origin",
  ["X-Forwarded-For"] = "198.51.100.7",
  ["apikey"] = "bench-key-alice",
}
local client = { ["Host"] = "api.example", ["Accept"] = "application/json", ["User-Agent"] = "client/2.1", ["apikey"] = "bench-key-bob" }
local stranger = { ["Host"] = "api.example", ["User-Agent"] = "probe/1" }
local closing = { ["Host"] = "api.example", ["Connection"] = "close", ["apikey"] = "bench-key-bob" }
local form = { ["Host"] = "api.example", ["Origin"] = "https://shop.example", ["Content-Type"] = "application/json", ["apikey"] = "bench-key-alice" }
local chunked = { ["Host"] = "api.example", ["Transfer-Encoding"] = "chunked", ["apikey"] = "bench-key-alice" }

local small, large = string.rep("x", 300), string.rep("y", 65536)
-- No HEAD: wrk would wait for the body its answer announces.
-- method, path, header fields, body, how many of a hundred
local kinds = {
  { "GET", "/items?page=2&sort=name", browser, nil, 36 },
  { "GET", "/items/17", client, nil, 27 },
  { "POST", "/items", form, small, 10 },
  { "POST", "/uploads", form, large, 2 },
  { "POST", "/items", chunked, "4\r\nabcd\r\n0\r\n\r\n", 3 },
  { "GET", "/files/64k", browser, nil, 6 },
  { "GET", "/files/1m", browser, nil, 1 },
  { "GET", "/empty", client, nil, 3 },
  { "GET", "/missing", browser, nil, 4 },
  { "GET", "/moved", browser, nil, 2 },
  { "DELETE", "/items/17", client, nil, 1 },
  { "GET", "/items", stranger, nil, 3 },
  { "GET", "/items", closing, nil, 2 },
}

local mix, at = {}, 0
function init()
  for _, kind in ipairs(kinds) do
    -- wrk adds a length to what has a body; a chunked message must go without it.
    local text = wrk.format(kind[1], kind[2], kind[3], kind[3] ~= chunked and kind[4] or nil)
    if kind[3] == chunked then text = text .. kind[4] end
    for _ = 1, kind[5] do mix[#mix + 1] = text end
  end
end

-- 37 has no divisor in common with 100: every kind in its share, none in a row.
function request()
  at = (at + 37) % #mix
  return mix[at + 1]
end
