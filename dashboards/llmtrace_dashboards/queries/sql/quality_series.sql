-- Per bucket: of how many calls each sign of quality was told, and of how many it was so.
SELECT
    intDiv(toUnixTimestamp64Milli(timestamp), {bucket_ms:Int64}) * {bucket_ms:Int64} AS bucket_ms,
    count() AS calls,
    countIf(isNotNull(output_refused)) AS refused_told,
    countIf(output_refused) AS refused_met,
    countIf(isNotNull(output_truncated)) AS truncated_told,
    countIf(output_truncated) AS truncated_met,
    countIf(isNotNull(output_empty)) AS empty_told,
    countIf(output_empty) AS empty_met,
    countIf(isNotNull(json_valid)) AS invalid_json_told,
    countIf(NOT json_valid) AS invalid_json_met,
    countIf(isNotNull(schema_valid)) AS invalid_schema_told,
    countIf(NOT schema_valid) AS invalid_schema_met,
    countIf(isNotNull(tool_calls_json_valid)) AS invalid_tool_call_told,
    countIf(NOT (tool_calls_json_valid AND ifNull(tool_calls_schema_valid, true))) AS invalid_tool_call_met,
    countIf(isNotNull(unlikely_share)) AS unlikely_told,
    ifNull(sum(unlikely_share), 0) AS unlikely_met
FROM spans
WHERE
        is_call AND status_code != 'ERROR' AND
-- include: _in_range
-- include: _filters
GROUP BY bucket_ms
ORDER BY bucket_ms
LIMIT 1000
