    if(sum(tokens_reported) = 0, NULL, sum(span_1h.input_tokens) + toUInt64(round(sum(unsampled_input_tokens)))) AS input_tokens,
    if(sum(tokens_reported) = 0, NULL, sum(span_1h.output_tokens) + toUInt64(round(sum(unsampled_output_tokens)))) AS output_tokens
