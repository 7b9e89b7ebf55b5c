-- What people said last of each answer, words as 1 or 0 where they can mean nothing else; and the last correction.
SELECT
    project, trace_id, span_id, response_id,
    avgOrNull(worth) AS value,
    argMaxIf(correction, timestamp, correction != '') AS correction
FROM
(
    SELECT
        project, trace_id, span_id, response_id, timestamp, correction,
        if(isNotNull(value), value, multiIf(
            lower(label) IN ('pass', 'passed', 'up', 'good', 'yes', 'true', 'relevant', 'correct'), 1,
            lower(label) IN ('fail', 'failed', 'down', 'bad', 'no', 'false', 'irrelevant', 'incorrect'), 0,
            NULL)) AS worth
    FROM feedback
    WHERE timestamp >= {start:DateTime64(3, 'UTC')} AND timestamp < {end:DateTime64(3, 'UTC')} + INTERVAL 31 DAY
        AND ({project:String} = '' OR project = {project:String})
    ORDER BY timestamp DESC
    LIMIT 1 BY
        project, trace_id, span_id, response_id, name,
        multiIf(
            user_id != '', concat('user ', user_id),
            attributes['llmtrace.feedback.id'] != '', concat('id ', attributes['llmtrace.feedback.id']),
            toString((timestamp, value, label, comment)))
)
GROUP BY project, trace_id, span_id, response_id
