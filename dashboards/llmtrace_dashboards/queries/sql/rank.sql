-- Where a span stands among those of the same project, name and model in the range; failed ones are not compared with.
SELECT
    count() AS spans,
    countIf(duration_ns < {duration_ns:UInt64}) AS faster,
    countIf(isNotNull(spans.cost_usd)) AS priced,
    countIf(spans.cost_usd < {cost_usd:Nullable(Decimal(38, 12))}) AS cheaper
FROM spans
WHERE
-- include: _in_range
        AND project = {project:String}
        AND is_call = {is_call:Bool}
        AND model = {model:String}
        AND name = {name:String}
        AND status_code != 'ERROR'
LIMIT 1
