-- Comments of about 200 bytes in words taken at random, on a thousand pages, each from a network of its own, few
-- from wide networks in common: nothing that a limit refuses, or that looks like a flood of copies.
local count = math.random(1000000)
local stamp = tostring(os.time()) .. tostring(math.random(1000000))
local words = {}
for syllables = 1, 400 do
  local word = ""
  for _ = 1, 2 + syllables % 3 do
    word = word .. string.char(98 + math.random(0, 20)) .. ("aeiou"):sub(math.random(5)):sub(1, 1)
  end
  words[syllables] = word
end

local function text()
  local chosen = {}
  for place = 1, 24 do
    chosen[place] = words[math.random(#words)]
  end
  return table.concat(chosen, " ")
end

function request()
  count = count + 1
  local body = string.format(
    '{"page_url":"https://www.example.org/p%d","page_title":"Chi siamo","author_name":"Giuliana",' ..
    '"author_email":"g%d@example.com","body":"%s %s %d"}',
    count % 1000, count, text(), stamp, count)
  local address = string.format("%d.%d.%d.7", 11 + count % 100, count / 100 % 256, count / 25600 % 256)
  return wrk.format("POST", nil, {["Content-Type"] = "application/json", ["X-Forwarded-For"] = address}, body)
end
