-- How long rows are kept where somebody has set it: days by table and project, '' for all others.
SELECT toString(retention.table_name) AS name, toString(retention.project) AS project, argMax(retention.days, retention.changed_at) AS kept_days
FROM retention
WHERE
        changed_at >= fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC')
        AND changed_at < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')
GROUP BY name, project
HAVING kept_days > 0
ORDER BY name, project
LIMIT 1000
