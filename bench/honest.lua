-- Honest comments, each from a network of its own.
local count = 0
local stamp = tostring(os.time()) .. tostring(math.random(1000000))

function request()
  count = count + 1
  local network = string.format("%d.%d.%d.1", 11 + count % 100, math.floor(count / 100) % 250, math.floor(count / 25000) % 250)
  local body = string.format(
    '{"page_url":"https://www.example.org/p%d","page_title":"Chi siamo","author_name":"Giuliana",' ..
    '"author_email":"g%d@example.com","body":"%s %s %d"}',
    count % 1000, count, string.rep("Un commento come tanti. ", 6), stamp, count)
  return wrk.format("POST", nil, {["Content-Type"] = "application/json", ["X-Forwarded-For"] = network}, body)
end
