        hour >= toStartOfHour(fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC'))
        AND hour < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')
