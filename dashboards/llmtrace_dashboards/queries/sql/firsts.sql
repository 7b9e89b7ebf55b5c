-- Versions of prompts, models behind names and backends that were seen in the range and not in the time before it.
SELECT what, value, toUnixTimestamp64Milli(min(timestamp)) AS first_ms, count() AS calls
FROM
(
    SELECT timestamp, arrayJoin([
        ('prompt_version', if(prompt_version = '', '', concat(prompt_name, if(prompt_name = '', '', ' '), prompt_version)), toString(prompt_version)),
        ('response_model', if(response_model = '' OR response_model = request_model, '', concat(request_model, ' → ', response_model)), toString(response_model)),
        ('fingerprint', toString(system_fingerprint), toString(system_fingerprint))
    ]) AS found, found.1 AS what, found.2 AS value, found.3 AS plain
    FROM spans
    WHERE
        is_call AND
-- include: _in_range
-- include: _filters
)
WHERE value != ''
GROUP BY what, value
HAVING first_ms >= {since_ms:Int64}
ORDER BY calls DESC, first_ms
LIMIT {limit:UInt32}
