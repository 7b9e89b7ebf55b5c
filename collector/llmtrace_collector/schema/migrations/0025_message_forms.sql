-- A message made of another form has a role that is a text, and a list of parts, whatever the sender called so
-- (schema/messages.py). What was sent stays in as_sent.

-- name: made_mv
ALTER TABLE made_mv MODIFY QUERY
{made_of:otlp_foreign};
