-- Bodies of nearly 256 KiB, the most that is read, in which the comment is far too long.
local body = '{"page_url":"https://www.example.org/p1","author_name":"Mallory","author_email":"m@example.com","body":"'
  .. string.rep("a ", 128000) .. '"}'

function request()
  return wrk.format("POST", nil, {["Content-Type"] = "application/json", ["X-Forwarded-For"] = "192.0.2.66"}, body)
end
