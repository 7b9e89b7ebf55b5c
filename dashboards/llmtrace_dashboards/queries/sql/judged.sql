-- Per bucket and name: what evaluators and people gave; words count as 1 or 0 where they can mean nothing else. Of what one
-- user said of one answer under one name in this range, the latest counts.
SELECT
    source, toString(name) AS what,
    intDiv(toUnixTimestamp64Milli(timestamp), {bucket_ms:Int64}) * {bucket_ms:Int64} AS bucket_ms,
    count() AS given,
    avg(worth) AS mean,
    stddevSamp(worth) AS deviation
FROM
(
    SELECT 'evaluation' AS source, project, timestamp, trace_id, response_id, name, value, label
    FROM scores
    WHERE
-- include: _in_range
    UNION ALL
    SELECT 'feedback' AS source, project, timestamp, trace_id, response_id, name, value, label
    FROM feedback
    WHERE
-- include: _in_range
    ORDER BY timestamp DESC
-- include: _latest_said
)
ARRAY JOIN [if(isNotNull(value), value, multiIf(
    lower(label) IN ('pass', 'passed', 'up', 'good', 'yes', 'true', 'relevant', 'correct'), 1,
    lower(label) IN ('fail', 'failed', 'down', 'bad', 'no', 'false', 'irrelevant', 'incorrect'), 0,
    NULL))] AS worth
WHERE
        ({project:String} = '' OR project = {project:String})
        AND isNotNull(worth)
        AND
        (
            {every:Bool}
            OR trace_id IN
            (
                SELECT trace_id
                FROM spans
                WHERE
-- include: _in_range
-- include: _filters
            )
            OR (trace_id = '' AND response_id IN
            (
                SELECT response_id
                FROM spans
                WHERE
-- include: _in_range
-- include: _filters
                    AND response_id != ''
            ))
        )
GROUP BY source, what, bucket_ms
ORDER BY bucket_ms, source, what
LIMIT 10000
