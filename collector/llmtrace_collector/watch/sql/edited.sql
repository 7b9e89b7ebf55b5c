-- watch.db (SQLite): rules that people have edited, beside those of the rule file.

-- name: schema
CREATE TABLE IF NOT EXISTS edited_rules
(
    name      TEXT PRIMARY KEY,
    rule      TEXT NOT NULL,      -- JSON, with the keys of a rule file; empty: deleted
    edited_ms INTEGER NOT NULL,
    who       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- name: all
SELECT name, rule, edited_ms, who FROM edited_rules WHERE rule != '' ORDER BY name;

-- name: one
SELECT name, rule, edited_ms, who FROM edited_rules WHERE name = :name;

-- name: put
INSERT INTO edited_rules (name, rule, edited_ms, who) VALUES (:name, :rule, :edited_ms, :who)
ON CONFLICT (name) DO UPDATE SET rule = excluded.rule, edited_ms = excluded.edited_ms, who = excluded.who
WHERE excluded.edited_ms > edited_rules.edited_ms;

-- name: prune
DELETE FROM edited_rules WHERE rule = '' AND edited_ms < :before_ms;
