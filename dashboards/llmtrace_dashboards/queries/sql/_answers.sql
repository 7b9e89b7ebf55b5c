        status_code != 'ERROR' AND isNotNull(coalesce(
            output_refused, output_truncated, output_empty, json_valid, schema_valid, tool_calls_json_valid, tool_calls_schema_valid)) AS is_answer,
        ifNull(output_refused, false) OR ifNull(output_truncated, false) OR ifNull(output_empty, false) OR NOT ifNull(json_valid, true)
            OR NOT ifNull(schema_valid, true) OR NOT ifNull(tool_calls_json_valid, true) OR NOT ifNull(tool_calls_schema_valid, true) AS faulty
