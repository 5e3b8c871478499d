-- A bounded semaphore of named holders: 1 where ARGV[1] holds one of ARGV[2] places of KEYS[1], 0 where none is free.
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then return 1 end
if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('SADD', KEYS[1], ARGV[1])
return 1
