-- watch.db (SQLite): which rows have changed since they were last copied to the store, for watches that stand by.

-- name: schema
CREATE TABLE IF NOT EXISTS standby          -- one row
(
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    member     TEXT NOT NULL,               -- id of this watch
    paused     INTEGER NOT NULL DEFAULT 0,  -- 1: changes are not noted, they come from the store
    led        INTEGER NOT NULL DEFAULT 0   -- the last epoch in which it led
) STRICT;

CREATE TABLE IF NOT EXISTS changed          -- by the triggers
(
    source TEXT NOT NULL,
    key    TEXT NOT NULL,                   -- JSON of the primary key
    number INTEGER NOT NULL,                -- grows, so that a change during a copy is not lost with it
    PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS changed_number ON changed (number);

CREATE TABLE IF NOT EXISTS adopted          -- what others were asked, up to where it has been taken in
(
    member TEXT PRIMARY KEY,
    seq    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- name: begin
INSERT INTO standby (one, member) VALUES (1, :member) ON CONFLICT (one) DO NOTHING;

-- name: me
SELECT * FROM standby;

-- name: pause
UPDATE standby SET paused = :paused;

-- name: led
UPDATE standby SET led = :epoch;

-- name: changes
SELECT source, key, number FROM changed ORDER BY number LIMIT :bound;

-- name: copied
DELETE FROM changed WHERE source = :source AND key = :key AND number = :number;

-- name: copied_notice
UPDATE notices SET shared = 1 WHERE notice_id = :notice_id;

-- name: forget_changes
DELETE FROM changed;

-- name: adoptions
SELECT member, seq FROM adopted;

-- name: adopt
INSERT INTO adopted (member, seq) VALUES (:member, :seq) ON CONFLICT (member) DO UPDATE SET seq = excluded.seq;

-- name: asked_silence
INSERT INTO silences (silence_id, matchers, begins_ms, ends_ms, reason, who)
VALUES (:silence_id, :matchers, :begins_ms, :ends_ms, :reason, :who)
ON CONFLICT (silence_id) DO UPDATE SET ends_ms = min(ends_ms, excluded.ends_ms);

-- name: asked_acknowledgement
UPDATE members SET acknowledged = :acknowledged, ack_who = :ack_who, ack_reason = :ack_reason, ack_ms = :ack_ms
WHERE rule = :rule AND group_key = :group_key AND firing AND severity <= :acknowledged;
