INSERT INTO cost_adjustments
SELECT
    project, timestamp, trace_id, span_id, operation, provider, model, service_name, environment, agent_name, tool_name,
    prompt_name, prompt_version, feature, team, user_id, session_id, failed, sampling_weight,
    old AS old_cost_usd,
    new AS new_cost_usd,
    tier, price_model, price_version,
    {reason:String} AS reason,
    {who:String} AS changed_by,
    now64(6) AS changed_at,
    {batch:String} AS batch
FROM ({costed})
LIMIT {most:UInt64}
