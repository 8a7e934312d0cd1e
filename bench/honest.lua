-- Honest comments, each from a network of its own.
local count = 0
local stamp = tostring(os.time()) .. tostring(math.random(1000000))

function request()
  count = count + 1
  local network = string.format("10.%d.%d.1", math.floor(count / 250) % 250, count % 250)
  local body = string.format(
    '{"page_url":"https://www.example.org/p%d","page_title":"Chi siamo","author_name":"Giuliana",' ..
    '"author_email":"g%d@example.com","body":"%s %s %d"}',
    count % 1000, count, string.rep("Un commento come tanti. ", 6), stamp, count)
  return wrk.format("POST", nil, {["Content-Type"] = "application/json", ["X-Forwarded-For"] = network}, body)
end
