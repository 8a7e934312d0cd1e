-- One address for each number below a bound, in turn from a random one on: a pattern with %d, and the bound.
local pattern, bound, number

function init(args)
  pattern, bound = args[1], tonumber(args[2])
  math.randomseed(os.time())
  number = math.random(bound)
end

function request()
  number = (number + 1) % bound
  return wrk.format("GET", string.format(pattern, number))
end
