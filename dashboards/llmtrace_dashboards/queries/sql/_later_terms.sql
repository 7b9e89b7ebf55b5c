        AND (trace_id, span_id) IN
        (
            SELECT trace_id, span_id
            FROM spans
            WHERE
                is_call AND
-- include: _in_range
-- include: _terms
        )
