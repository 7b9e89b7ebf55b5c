-- What evaluators and people said of one trace; its spans may be older than what was said. What names an answer and no span is
-- said of the span with that answer.
WITH answers AS
(
    SELECT project, response_id, any(span_id) AS of_span
    FROM spans
    WHERE
-- include: _in_range
        AND trace_id = {trace_id:String} AND response_id != ''
    GROUP BY project, response_id
)
SELECT source, if(said.trace_id != '', said.span_id, of_span) AS span_id, what, value, verdict, told, timestamp
FROM
(
    SELECT
        'evaluation' AS source, project, trace_id, span_id, response_id, toString(name) AS what, value, toString(label) AS verdict,
        explanation AS told, timestamp
    FROM scores
    WHERE
-- include: _in_range
        AND (trace_id = {trace_id:String} OR (trace_id = '' AND (project, response_id) IN (SELECT project, response_id FROM answers)))
    UNION ALL
    SELECT
        'feedback' AS source, project, trace_id, span_id, response_id, toString(name) AS what, value, toString(label) AS verdict,
        arrayStringConcat(arrayFilter(text -> text != '', [comment, if(correction = '', '', concat('→ ', correction))]), ' ') AS told,
        timestamp
    FROM feedback
    WHERE
-- include: _in_range
        AND (trace_id = {trace_id:String} OR (trace_id = '' AND (project, response_id) IN (SELECT project, response_id FROM answers)))
    -- What came twice under one id was said once.
    ORDER BY timestamp
    LIMIT 1 BY if(attributes['llmtrace.feedback.id'] != '', attributes['llmtrace.feedback.id'], toString((timestamp, user_id, name, value, label)))
) AS said
LEFT JOIN answers ON answers.project = said.project AND answers.response_id = said.response_id
ORDER BY timestamp DESC, source, what
LIMIT 200
