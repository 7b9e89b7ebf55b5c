-- Those calls with what they cost now (`old`) and at the rates of the book (`new`): only where they differ.
SELECT
    calls.project AS project, calls.timestamp AS timestamp, calls.trace_id AS trace_id, calls.span_id AS span_id,
    calls.operation AS operation, calls.provider AS provider, calls.model AS model, calls.service_name AS
    service_name, calls.environment AS environment, calls.agent_name AS agent_name, calls.tool_name AS tool_name,
    calls.prompt_name AS prompt_name, calls.prompt_version AS prompt_version, calls.feature AS feature, calls.team
    AS team, calls.user_id AS user_id, calls.session_id AS session_id, calls.failed AS failed,
    calls.sampling_weight AS sampling_weight, calls.tier AS tier,
    price_model,
    price_version,
    if(changed.n > 0, changed.cost, told) AS old,
    1 + arrayCount(step -> given > step, above) AS step,
    toDecimal128(
        (given - cached - written) * toDecimal256(if(empty(rates.input), 0, rates.input[step]), 18)
        + cached * toDecimal256(if(empty(rates.cache_read), 0, rates.cache_read[step]), 18)
        + written * toDecimal256(if(empty(rates.cache_write), 0, rates.cache_write[step]), 18)
        + (made - thought) * toDecimal256(if(empty(rates.output), 0, rates.output[step]), 18)
        + thought * toDecimal256(if(empty(rates.reasoning), 0, rates.reasoning[step]), 18)
        + toDecimal256(rates.request, 18), 12) + tools_usd AS new
FROM ({calls}) AS calls
INNER JOIN
(
    SELECT *
    FROM model_rates
    WHERE book = {book:String} AND reason = ''
        AND valid_from < {end:DateTime('UTC')} AND valid_to > {start:DateTime('UTC')}
    ORDER BY recorded_at DESC
    LIMIT 1 BY provider, model, tier, valid_from
) AS rates ON calls.provider = rates.provider AND calls.priced_model = rates.model AND calls.tier = rates.tier
LEFT JOIN
(
    SELECT project, trace_id, span_id, count() AS n, argMax(new_cost_usd, changed_at) AS cost
    FROM cost_adjustments
    WHERE timestamp >= {start:DateTime('UTC')} AND timestamp < {end:DateTime('UTC')}
    GROUP BY project, trace_id, span_id
) AS changed ON calls.project = changed.project AND calls.trace_id = changed.trace_id AND calls.span_id = changed.span_id
WHERE calls.timestamp >= rates.valid_from AND calls.timestamp < rates.valid_to
    AND (given = 0 OR notEmpty(rates.input))
    AND (made = 0 OR notEmpty(rates.output))
    AND (is_output_told OR empty(rates.output) OR operation = 'embeddings')
    AND ({again:Bool} OR changed.n = 0)
    AND (isNull(old) OR old != new)
