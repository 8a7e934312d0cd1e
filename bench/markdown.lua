-- Emphasis without end, from one network that is over its limit: each post is another one.
local count = 0
local text = string.rep("**_", 20000)

function request()
  count = count + 1
  local body = '{"page_url":"https://www.example.org/p1","author_name":"Eve","author_email":"eve@example.com","body":"'
    .. text .. count .. '"}'
  return wrk.format("POST", nil, {["Content-Type"] = "application/json", ["X-Forwarded-For"] = "192.0.2.1"}, body)
end
