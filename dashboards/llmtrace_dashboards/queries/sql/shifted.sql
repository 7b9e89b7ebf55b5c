-- Calls of two periods by feature and bin: a value, or the step of a number on a logarithmic scale.
SELECT feature, bin, countIf(is_now) AS now, countIf(NOT is_now) AS before
FROM
(
    SELECT
        timestamp >= fromUnixTimestamp64Milli({now_start_ms:Int64}, 'UTC')
            AND timestamp < fromUnixTimestamp64Milli({now_end_ms:Int64}, 'UTC') AS is_now,
        arrayJoin(arrayConcat(
            arrayMap(
                (f, x) -> (f, if(isNull(x), '', if(x <= 0, '-1000', toString(toInt32(floor(log2(assumeNotNull(x)) * {steps:Float64})))))),
                ['input_tokens', 'output_tokens', 'latency', 'ttft', 'cost', 'tokens_per_second'],
                [
                    toNullable(toFloat64(input_tokens)),
                    toNullable(toFloat64(output_tokens)),
                    toNullable(duration_ns / 1e9),
                    toNullable(time_to_first_token_ns / 1e9),
                    toNullable(toFloat64(spans.cost_usd)),
                    toNullable(output_tokens / nullIf(duration_ns, 0) * 1e9)
                ]
            ),
            [
                ('finish', arrayElement(finish_reasons, 1)),
                ('response_model', toString(response_model)),
                ('prompt_version', toString(prompt_version)),
                ('feature', toString(spans.feature)),
                ('tool', toString(tool_name)),
                ('service', toString(service_name)),
                ('provider', toString(provider))
            ]
        )) AS pair,
        pair.1 AS feature,
        substring(pair.2, 1, 200) AS bin
    FROM spans
    WHERE
        is_call AND status_code != 'ERROR' AND
-- include: _in_either
        AND modulo(cityHash64(span_id), {sample:UInt64}) = 0
-- include: _filters
)
WHERE bin != ''
GROUP BY feature, bin
ORDER BY feature, now + before DESC
LIMIT 200 BY feature
LIMIT 3000
