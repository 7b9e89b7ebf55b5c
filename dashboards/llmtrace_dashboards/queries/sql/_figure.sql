        multiIf(
            {figure:String} = 'latency', duration_ns / 1e9,
            {figure:String} = 'ttft', ifNull(time_to_first_token_ns, 0) / 1e9,
            ifNull(toFloat64(spans.cost_usd), 0.))
