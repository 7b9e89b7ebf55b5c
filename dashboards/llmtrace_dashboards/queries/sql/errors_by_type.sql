-- Failed calls by bucket and type, of the types in `top` and the rest.
SELECT
    intDiv(toUnixTimestamp64Milli(timestamp), {bucket_ms:Int64}) * {bucket_ms:Int64} AS bucket_ms,
    if(empty({top:Array(String)}) OR has({top:Array(String)}, toString(error_type)), toString(error_type), {rest:String}) AS what,
    count() AS calls
FROM spans
WHERE
        is_call AND status_code = 'ERROR' AND
-- include: _in_range
-- include: _filters
GROUP BY bucket_ms, what
ORDER BY calls DESC, what, bucket_ms
LIMIT 2000
