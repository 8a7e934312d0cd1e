-- One address with a random number below the second argument in place of its `{n}`.
local before, after, most

function init(args)
  before, after = args[1]:match("^(.*){n}(.*)$")
  most = tonumber(args[2])
  math.randomseed(tonumber(args[3]))
end

function request()
  return wrk.format("GET", before .. math.random(0, most - 1) .. after)
end
