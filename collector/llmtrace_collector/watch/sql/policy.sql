-- watch.db (SQLite): who has been told what, and what people have asked for. Times are milliseconds since 1970, UTC.
--
--   alerts ---> members ---> bundles ---> tellings ---> notices (the outbox)

-- name: schema
CREATE TABLE IF NOT EXISTS bundles          -- what one notice is about
(
    bundle  TEXT PRIMARY KEY,               -- digest of the group and its route, or of rule and group
    alone   INTEGER NOT NULL,               -- 1: one alert; 0: several may be in it
    labels  TEXT NOT NULL,                  -- JSON, what its alerts have in common
    sent_ms INTEGER,                        -- its last notice; NULL: none since it was at rest
    notices INTEGER NOT NULL DEFAULT 0      -- how many there were
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS members          -- alerts that fire, or whose end is still to be told
(
    rule          TEXT NOT NULL,
    group_key     TEXT NOT NULL,
    bundle        TEXT NOT NULL,
    labels        TEXT NOT NULL,            -- JSON
    firing        INTEGER NOT NULL,
    severity      INTEGER NOT NULL,
    changed_ms    INTEGER NOT NULL,
    told          INTEGER NOT NULL DEFAULT 0,  -- the severity that people know of; 0: none
    event_id      TEXT NOT NULL,            -- of the last transition
    data          TEXT NOT NULL,            -- JSON: `data` of the notice about it
    acknowledged  INTEGER NOT NULL DEFAULT 0,  -- the severity at which it was
    ack_who       TEXT NOT NULL DEFAULT '',
    ack_reason    TEXT NOT NULL DEFAULT '',
    ack_ms        INTEGER,
    flapping      INTEGER NOT NULL DEFAULT 0,
    flapping_told INTEGER NOT NULL DEFAULT 0,
    quiet         TEXT NOT NULL DEFAULT '',    -- why people were not told when last looked; empty: they were
    PRIMARY KEY (rule, group_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS members_of ON members (bundle);

CREATE TABLE IF NOT EXISTS tellings         -- the notices of a bundle since it was last at rest
(
    bundle   TEXT NOT NULL,
    event_id TEXT NOT NULL,
    PRIMARY KEY (bundle, event_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS tellings_event ON tellings (event_id);

CREATE TABLE IF NOT EXISTS turns            -- when alerts began or ended, for what flaps
(
    rule      TEXT NOT NULL,
    group_key TEXT NOT NULL,
    at_ms     INTEGER NOT NULL,
    firing    INTEGER NOT NULL,
    PRIMARY KEY (rule, group_key, at_ms, firing)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS silences
(
    silence_id TEXT PRIMARY KEY,
    matchers   TEXT NOT NULL,               -- JSON list of texts
    begins_ms  INTEGER NOT NULL,
    ends_ms    INTEGER NOT NULL,
    reason     TEXT NOT NULL,
    who        TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS heartbeats
(
    endpoint TEXT PRIMARY KEY,
    sent_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- name: member
SELECT * FROM members WHERE rule = :rule AND group_key = :group_key;

-- name: members_of
SELECT * FROM members WHERE bundle = :bundle ORDER BY severity DESC, rule, group_key;

-- name: all_members
SELECT m.*, b.sent_ms FROM members AS m JOIN bundles AS b USING (bundle) ORDER BY m.rule, m.group_key;

-- name: firing_labels
SELECT labels FROM members WHERE firing;

-- name: due_bundles
-- Those with news, or with a repeat that may be due; what ended first, then in the order in which it began.
SELECT b.bundle FROM bundles AS b JOIN members AS m USING (bundle)
WHERE NOT m.firing OR m.severity != m.told OR m.flapping OR b.sent_ms <= :repeat_before_ms
GROUP BY b.bundle ORDER BY max(m.firing), min(m.changed_ms), min(m.rule), min(m.group_key);

-- name: bundle
SELECT * FROM bundles WHERE bundle = :bundle;

-- name: open_bundle
INSERT INTO bundles (bundle, alone, labels) VALUES (:bundle, :alone, :labels) ON CONFLICT (bundle) DO NOTHING;

-- name: put_member
INSERT INTO members (rule, group_key, bundle, labels, firing, severity, changed_ms, event_id, data)
VALUES (:rule, :group_key, :bundle, :labels, :firing, :severity, :changed_ms, :event_id, :data)
ON CONFLICT (rule, group_key) DO UPDATE SET
    labels = excluded.labels, firing = excluded.firing, severity = excluded.severity,
    changed_ms = excluded.changed_ms, event_id = excluded.event_id, data = excluded.data,
    acknowledged = CASE WHEN excluded.firing THEN acknowledged ELSE 0 END;

-- name: mark_told
UPDATE members SET told = severity, flapping_told = flapping
WHERE rule = :rule AND group_key = :group_key;

-- name: mark_flapping
UPDATE members SET flapping = :flapping, flapping_told = flapping_told AND :flapping
WHERE rule = :rule AND group_key = :group_key;

-- name: drop_member
DELETE FROM members WHERE rule = :rule AND group_key = :group_key;

-- name: mark_sent
UPDATE bundles SET sent_ms = :now_ms, notices = notices + 1 WHERE bundle = :bundle;

-- name: rest
UPDATE bundles SET sent_ms = NULL WHERE bundle = :bundle;

-- name: drop_empty_bundles
DELETE FROM bundles WHERE bundle NOT IN (SELECT bundle FROM members);

-- name: flapping_members
SELECT rule, group_key FROM members WHERE flapping;

-- name: tellings_of
SELECT event_id FROM tellings WHERE bundle = :bundle;

-- name: put_telling
INSERT INTO tellings (bundle, event_id) VALUES (:bundle, :event_id) ON CONFLICT DO NOTHING;

-- name: drop_tellings
DELETE FROM tellings WHERE bundle = :bundle;

-- name: put_ending
-- To every receiver that has heard of the bundle, or still may.
INSERT INTO notices (event_id, resolves, rule, group_key, endpoint, webhook, body, due_ms, created_ms)
SELECT :event_id, n.event_id, :rule, :group_key, n.endpoint, n.webhook, :body, :now_ms, :now_ms
FROM notices AS n
WHERE n.notice_id IN (
    SELECT coalesce(max(CASE WHEN status = 'delivered' THEN notice_id END), max(notice_id))
    FROM notices JOIN tellings USING (event_id)
    WHERE bundle = :bundle AND status != 'failed'
    GROUP BY endpoint)
ORDER BY n.notice_id;

-- name: put_turn
INSERT INTO turns (rule, group_key, at_ms, firing) VALUES (:rule, :group_key, :at_ms, :firing) ON CONFLICT DO NOTHING;

-- name: count_turns
SELECT count(*) AS n FROM turns WHERE rule = :rule AND group_key = :group_key AND at_ms > :after_ms;

-- name: prune_turns
DELETE FROM turns WHERE at_ms <= :before_ms;

-- name: mark_quiet
UPDATE members SET quiet = :quiet WHERE rule = :rule AND group_key = :group_key AND quiet != :quiet;

-- name: acknowledge
UPDATE members SET acknowledged = severity, ack_who = :who, ack_reason = :reason, ack_ms = :now_ms
WHERE rule = :rule AND group_key = :group_key AND firing;

-- name: put_silence
INSERT INTO silences (silence_id, matchers, begins_ms, ends_ms, reason, who)
VALUES (:silence_id, :matchers, :begins_ms, :ends_ms, :reason, :who);

-- name: silences
SELECT * FROM silences ORDER BY ends_ms, silence_id;

-- name: end_silence
UPDATE silences SET ends_ms = :now_ms WHERE silence_id = :silence_id AND ends_ms > :now_ms;

-- name: prune_silences
DELETE FROM silences WHERE ends_ms < :before_ms;

-- name: heartbeat
SELECT sent_ms FROM heartbeats WHERE endpoint = :endpoint;

-- name: put_heartbeat
INSERT INTO heartbeats (endpoint, sent_ms) VALUES (:endpoint, :now_ms)
ON CONFLICT (endpoint) DO UPDATE SET sent_ms = excluded.sent_ms;

-- name: waiting_heartbeats
SELECT count(*) AS n FROM notices WHERE endpoint = :endpoint AND rule = :rule AND status = 'waiting';

-- name: history
SELECT json_extract(CAST(body AS TEXT), '$.type') AS type, event_id, rule, group_key, endpoint, webhook, status,
    attempts, created_ms
FROM notices ORDER BY notice_id DESC LIMIT :bound;
