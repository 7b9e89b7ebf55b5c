-- Per bucket and name: what evaluators and people gave; words count as 1 or 0 where they can mean nothing else.
SELECT
    source, toString(name) AS what,
    intDiv(toUnixTimestamp64Milli(timestamp), {bucket_ms:Int64}) * {bucket_ms:Int64} AS bucket_ms,
    count() AS given,
    avg(worth) AS mean,
    stddevSamp(worth) AS deviation
FROM
(
    SELECT 'evaluation' AS source, project, timestamp, trace_id, name, value, label FROM scores
    UNION ALL
    SELECT 'feedback' AS source, project, timestamp, trace_id, name, value, label FROM feedback
)
ARRAY JOIN [if(isNotNull(value), value, multiIf(
    lower(label) IN ('pass', 'passed', 'up', 'good', 'yes', 'true', 'relevant', 'correct'), 1,
    lower(label) IN ('fail', 'failed', 'down', 'bad', 'no', 'false', 'irrelevant', 'incorrect'), 0,
    NULL))] AS worth
WHERE
-- include: _in_range
        AND ({project:String} = '' OR project = {project:String})
        AND isNotNull(worth)
        AND ({every:Bool} OR trace_id IN
        (
            SELECT trace_id
            FROM spans
            WHERE
-- include: _in_range
-- include: _filters
        ))
GROUP BY source, what, bucket_ms
ORDER BY bucket_ms, source, what
LIMIT 10000
