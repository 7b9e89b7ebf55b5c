-- The same from the rollup by hour, for what it knows.
SELECT
    if(empty({top:Array(String)}) OR has({top:Array(String)}, value), value, {rest:String}) AS what,
    intDiv(toInt64(toUnixTimestamp(hour)) * 1000, {bucket_ms:Int64}) * {bucket_ms:Int64} AS bucket_ms,
    sum(usd) AS cost_usd,
    toUInt64(sum(counted)) AS calls,
    toUInt64(greatest(0, sum(untold))) AS unpriced
FROM
(
    SELECT
        hour,
-- include: _group_hours
        AS value,
        sum(span_1h.cost_usd) + sum(unsampled_cost_usd) AS usd,
        sum(span_1h.spans) + round(sum(unsampled_spans)) AS counted,
        toFloat64(sum(span_1h.unpriced)) + round(sum(unsampled_unpriced)) AS untold
-- include: _hours
        AND is_call
    GROUP BY hour, value
)
GROUP BY what, bucket_ms
ORDER BY cost_usd DESC NULLS LAST, calls DESC, what, bucket_ms
LIMIT {limit:UInt32}
