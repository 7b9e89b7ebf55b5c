-- Models, versions of prompts and models behind names that calls had in one of two periods and not in the other.
SELECT
    what, value, toUnixTimestamp64Milli(min(timestamp)) AS first_ms, toUnixTimestamp64Milli(max(timestamp)) AS last_ms,
    countIf(is_now) AS now, countIf(NOT is_now) AS before
FROM
(
    SELECT
        timestamp, timestamp >= fromUnixTimestamp64Milli({split_ms:Int64}, 'UTC') AS is_now,
        arrayJoin([
            ('model', toString(model)),
            ('prompt_version', if(prompt_version = '', '', concat(prompt_name, if(prompt_name = '', '', ' '), prompt_version))),
            ('response_model', if(response_model = '' OR response_model = request_model, '', concat(request_model, ' → ', response_model)))
        ]) AS found, found.1 AS what, found.2 AS value
    FROM spans
    WHERE
        is_call AND
-- include: _in_range
-- include: _filters
)
WHERE value != ''
GROUP BY what, value
HAVING now = 0 OR before = 0
ORDER BY now + before DESC, what, value
LIMIT {limit:UInt32}
