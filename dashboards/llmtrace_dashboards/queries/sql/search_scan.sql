-- The same without a text index, on a ClickHouse before 26.2: reads the messages of the range.
SELECT
    toString(span_content.project) AS project, trace_id, span_id, toUnixTimestamp64Nano(span_content.timestamp) AS start_ns,
    leftUTF8(input_messages, 2000) AS question, leftUTF8(output_messages, 2000) AS answer
FROM span_content
WHERE
-- include: _in_range
        AND ({project:String} = '' OR project = {project:String})
        AND (
            hasAll(splitByNonAlpha(lower(replaceRegexpAll(input_messages, '\\\\[bfnrt]', ' '))), splitByNonAlpha(lower({words:String})))
            OR hasAll(splitByNonAlpha(lower(replaceRegexpAll(output_messages, '\\\\[bfnrt]', ' '))), splitByNonAlpha(lower({words:String})))
        )
ORDER BY span_content.timestamp DESC, span_id
LIMIT {limit:UInt32}
