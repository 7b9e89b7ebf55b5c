                (
                    timestamp >= fromUnixTimestamp64Milli({box_start_ms:Int64}, 'UTC')
                    AND timestamp < fromUnixTimestamp64Milli({box_end_ms:Int64}, 'UTC')
                    AND figure >= {low:Float64} AND figure < {high:Float64}
                )
