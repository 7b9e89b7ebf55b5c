-- The changes of one call's cost, as they were found out.
SELECT changed_at, old_cost_usd, new_cost_usd
FROM cost_adjustments
WHERE
-- include: _in_range
        AND trace_id = {trace_id:String}
        AND span_id = {span_id:String}
ORDER BY changed_at
LIMIT 50
