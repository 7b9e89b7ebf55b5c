-- What would change.
SELECT count() AS spans, sum(ifNull(old, toDecimal128(0, 12))) AS old_usd, sum(new) AS new_usd
FROM ({costed})
