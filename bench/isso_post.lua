-- The same comments as post.lua, as isso takes them.
local count = 0

function request()
  count = count + 1
  local body = string.format(
    '{"title":"Chi siamo","author":"Giuliana","email":"g%d@example.com","text":"%s %d"}',
    count, string.rep("Un commento come tanti. ", 6), count)
  return wrk.format("POST", string.format("/new?uri=%%2Fp%d", count % 1000), {["Content-Type"] = "application/json"}, body)
end
