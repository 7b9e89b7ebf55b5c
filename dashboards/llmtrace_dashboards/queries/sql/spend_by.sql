-- Dollars by what they are for, dearest first; with buckets by time, of those in `top` and the rest.
SELECT
    if(empty({top:Array(String)}) OR has({top:Array(String)}, value), value, {rest:String}) AS what,
    intDiv(toUnixTimestamp64Milli(timestamp), {bucket_ms:Int64}) * {bucket_ms:Int64} AS bucket_ms,
    sum(cost) AS cost_usd,
    toUInt64(round(sumIf(weight, stored = 1))) AS calls,
    toUInt64(greatest(0, round(sum(weight * without_cost)))) AS unpriced
-- include: _costs
GROUP BY what, bucket_ms
ORDER BY cost_usd DESC NULLS LAST, calls DESC, what, bucket_ms
LIMIT {limit:UInt32}
