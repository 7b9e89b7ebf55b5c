        timestamp >= fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC')
        AND timestamp < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')
        AND
        (
            (timestamp >= fromUnixTimestamp64Milli({now_start_ms:Int64}, 'UTC') AND timestamp < fromUnixTimestamp64Milli({now_end_ms:Int64}, 'UTC'))
            OR (timestamp >= fromUnixTimestamp64Milli({before_start_ms:Int64}, 'UTC') AND timestamp < fromUnixTimestamp64Milli({before_end_ms:Int64}, 'UTC'))
        )
