    LIMIT 1 BY
        project, trace_id, span_id, response_id, name,
        multiIf(
            user_id != '', concat('user ', user_id),
            attributes['llmtrace.feedback.id'] != '', concat('id ', attributes['llmtrace.feedback.id']),
            toString((timestamp, value, label, comment)))
