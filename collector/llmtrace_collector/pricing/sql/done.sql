INSERT INTO cost_batches
SELECT
    {batch:String}, 'done', now64(6), {hour:DateTime('UTC')}, {reason:String}, {who:String}, {book:String},
    count(), sum(ifNull(old_cost_usd, toDecimal128(0, 12))), sum(new_cost_usd)
FROM cost_adjustments
WHERE batch = {batch:String} AND timestamp >= {start:DateTime('UTC')} AND timestamp < {end:DateTime('UTC')}
