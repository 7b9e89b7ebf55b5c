-- Tables that store something, with rows, bytes on disk and what says how long rows are kept. They have no range but their own.
SELECT name, total_rows, total_bytes, engine_full
FROM system.tables
WHERE
        database IN (currentDatabase(), concat(currentDatabase(), '_shard'))
        AND endsWith(engine, 'MergeTree')
        AND metadata_modification_time >= fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC')
        AND metadata_modification_time < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')
ORDER BY total_bytes DESC, name
LIMIT 200
