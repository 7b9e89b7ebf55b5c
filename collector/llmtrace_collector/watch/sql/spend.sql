-- Dollars per group over a window of spend_1m. One text for every grouping: a key that is not grouped by is constant
-- and folds away. What sampling left out is added, as far as the spans tell it (schema/migrations, sampling). spend_1m is an AggregatingMergeTree, so its rows are final only under sum() ... GROUP BY.
--
-- Names are made valid UTF-8, as every reader needs them to be: OTLP does not promise it.
-- A rule by user leaves out the calls that name no user; '(other)', the rollup's overflow, is a group like any other.

-- name: over
-- Groups above the lowest limit of the rules that share this scan, dearest first, no more than the bound.
SELECT
    if({by_project:Bool}, toValidUTF8(project), '') AS project_value,
    if({by_user:Bool}, toValidUTF8(user_id), '') AS user_value,
    if({by_model:Bool}, toValidUTF8(model), '') AS model_value,
    sum(cost_usd) + sum(unsampled_cost_usd) AS spent
FROM spend_1m
WHERE minute >= toDateTime({from_s:UInt32}, 'UTC')
  AND minute <= toDateTime({to_s:UInt32}, 'UTC')
  AND (NOT {by_user:Bool} OR user_id != '')
GROUP BY project_value, user_value, model_value
HAVING spent > {floor:Decimal(38, 12)}
ORDER BY spent DESC, project_value, user_value, model_value
LIMIT {bound:UInt32}
SETTINGS max_execution_time = 20

-- name: of_groups
-- The figures of groups with a live alert that `over` did not return. They are named by digest, so that the length of
-- a user id cannot outgrow a URL.
SELECT
    if({by_project:Bool}, toValidUTF8(project), '') AS project_value,
    if({by_user:Bool}, toValidUTF8(user_id), '') AS user_value,
    if({by_model:Bool}, toValidUTF8(model), '') AS model_value,
    sum(cost_usd) + sum(unsampled_cost_usd) AS spent
FROM spend_1m
WHERE minute >= toDateTime({from_s:UInt32}, 'UTC')
  AND minute <= toDateTime({to_s:UInt32}, 'UTC')
  AND (NOT {by_user:Bool} OR user_id != '')
GROUP BY project_value, user_value, model_value
HAVING has({digests:Array(String)}, left(lower(hex(SHA256(concat(project_value, '\n', user_value, '\n', model_value)))), 16))
SETTINGS max_execution_time = 20
