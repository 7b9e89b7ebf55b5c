-- What the calls of an hour are priced by.
SELECT provider, priced_model, tier, count() AS calls
FROM ({calls})
GROUP BY provider, priced_model, tier
