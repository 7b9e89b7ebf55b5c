-- What is asked of each design of `spans`, by the forms of the app's own questions; {table} is the design.

-- name: a day's totals
SELECT count(), countIf(status_code = 'ERROR'), sum(cost_usd), sum(input_tokens), sum(output_tokens)
FROM {table}
WHERE is_call AND timestamp >= {start:DateTime64(9, 'UTC')} AND timestamp < {start:DateTime64(9, 'UTC')} + INTERVAL 1 DAY;

-- name: a day's percentiles by model
SELECT model, quantiles(0.5, 0.95, 0.99)(duration_ns)
FROM {table}
WHERE is_call AND timestamp >= {start:DateTime64(9, 'UTC')} AND timestamp < {start:DateTime64(9, 'UTC')} + INTERVAL 1 DAY
GROUP BY model;

-- name: a day of one project and model
SELECT toStartOfFifteenMinutes(timestamp) AS time, count(), sum(cost_usd)
FROM {table}
WHERE project = 'shop' AND model = 'gpt-5' AND timestamp >= {start:DateTime64(9, 'UTC')}
    AND timestamp < {start:DateTime64(9, 'UTC')} + INTERVAL 1 DAY
GROUP BY time;

-- name: newest traces of an hour
SELECT trace_id, max(timestamp) AS newest
FROM {table}
WHERE timestamp >= {start:DateTime64(9, 'UTC')} AND timestamp < {start:DateTime64(9, 'UTC')} + INTERVAL 1 HOUR
GROUP BY trace_id ORDER BY newest DESC LIMIT 51;

-- name: one trace, its hour known
SELECT * FROM {table}
WHERE trace_id = {trace_id:String} AND timestamp >= {from:DateTime64(9, 'UTC')} AND timestamp <= {to:DateTime64(9, 'UTC')}
ORDER BY timestamp;

-- name: one trace, nothing known
SELECT * FROM {table} WHERE trace_id = {trace_id:String} ORDER BY timestamp;

-- name: a day of one user
SELECT count(), sum(cost_usd) FROM {table}
WHERE user_id = 'user-000003' AND timestamp >= {start:DateTime64(9, 'UTC')}
    AND timestamp < {start:DateTime64(9, 'UTC')} + INTERVAL 1 DAY;
