-- watch.db (SQLite): the durable state of the watch. Times are milliseconds since 1970, UTC. No secret and no URL.
--
--   alerts ----fired_event----> notices <---- endpoints        outgoing ---> ClickHouse
--   (pending, firing)           (the outbox)  (throttle, 410)  (alert_events, alert_deliveries)

-- name: schema
CREATE TABLE IF NOT EXISTS alerts           -- one row per alert that is pending or firing
(
    rule        TEXT NOT NULL,
    group_key   TEXT NOT NULL,
    kind        TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('pending', 'firing')),
    since_ms    INTEGER NOT NULL,
    fired_event TEXT,                       -- the event that fired it; NULL while pending
    value       TEXT NOT NULL,              -- decimal, in `unit`, at the last transition
    limit_value TEXT NOT NULL,
    window_s    INTEGER NOT NULL,
    severity    INTEGER NOT NULL DEFAULT 2, -- 1 warning, 2 critical
    worse_ms    INTEGER,                    -- since when a higher one is asked for
    better_ms   INTEGER,                    -- since when this one is not asked for
    missing     INTEGER NOT NULL DEFAULT 0, -- evaluations in a row without a figure
    missing_ms  INTEGER,                    -- since when there is none
    measure     TEXT NOT NULL DEFAULT '',
    unit        TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (rule, group_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS memories         -- what a condition keeps from one evaluation to the next
(
    rule    TEXT NOT NULL,
    what    TEXT NOT NULL,                  -- condition, groups
    shape   TEXT NOT NULL,                  -- digest of the rule that it belongs to; another one: it is forgotten
    content TEXT NOT NULL,                  -- JSON
    PRIMARY KEY (rule, what)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS notices          -- one row per event and receiver
(
    notice_id  INTEGER PRIMARY KEY,         -- also the order in which an alert's notices go out
    event_id   TEXT NOT NULL,               -- the webhook-id
    resolves   TEXT,                        -- for alert.resolved: the event_id of its alert.firing
    rule       TEXT NOT NULL,
    group_key  TEXT NOT NULL,
    endpoint   TEXT NOT NULL,               -- channel:NAME, or the digest of a URL
    webhook    TEXT NOT NULL,               -- as it may be shown
    body       BLOB NOT NULL,               -- as signed, byte for byte
    status     TEXT NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'delivered', 'failed')),
    attempts   INTEGER NOT NULL DEFAULT 0,
    due_ms     INTEGER NOT NULL,
    in_flight  INTEGER NOT NULL DEFAULT 0,  -- claimed by an attempt that is not recorded yet
    created_ms INTEGER NOT NULL,
    shared     INTEGER NOT NULL DEFAULT 0,  -- 1: watches that stand by have it
    UNIQUE (event_id, endpoint)
) STRICT;

CREATE INDEX IF NOT EXISTS notices_waiting ON notices (endpoint, due_ms) WHERE status = 'waiting';
CREATE INDEX IF NOT EXISTS notices_order ON notices (endpoint, rule, group_key, notice_id) WHERE status = 'waiting';

CREATE TABLE IF NOT EXISTS endpoints        -- receivers of which something is known
(
    endpoint      TEXT PRIMARY KEY,
    not_before_ms INTEGER NOT NULL DEFAULT 0,
    disabled_ms   INTEGER,                  -- NULL: enabled
    failures      INTEGER NOT NULL DEFAULT 0,  -- in a row
    disabled_why  TEXT NOT NULL DEFAULT '',
    target        TEXT NOT NULL DEFAULT ''  -- digest of where it leads; another one: all of this is forgotten
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS outgoing         -- rows on their way to ClickHouse
(
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    target TEXT NOT NULL,
    token  TEXT NOT NULL,
    batch  TEXT,                            -- the insert this row belongs to for good; NULL: none yet
    row    TEXT NOT NULL                    -- JSON
) STRICT;

-- name: upgrade_1
ALTER TABLE endpoints ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE endpoints ADD COLUMN disabled_why TEXT NOT NULL DEFAULT '';
ALTER TABLE endpoints ADD COLUMN target TEXT NOT NULL DEFAULT '';

-- name: upgrade_2
ALTER TABLE alerts ADD COLUMN severity INTEGER NOT NULL DEFAULT 2;
ALTER TABLE alerts ADD COLUMN worse_ms INTEGER;
ALTER TABLE alerts ADD COLUMN better_ms INTEGER;
ALTER TABLE alerts ADD COLUMN missing INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN missing_ms INTEGER;
ALTER TABLE alerts ADD COLUMN measure TEXT NOT NULL DEFAULT '';
ALTER TABLE alerts ADD COLUMN unit TEXT NOT NULL DEFAULT '';

-- name: upgrade_3
ALTER TABLE notices ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;

-- name: memory
SELECT content FROM memories WHERE rule = :rule AND what = :what AND shape = :shape;

-- name: put_memory
INSERT INTO memories (rule, what, shape, content) VALUES (:rule, :what, :shape, :content)
ON CONFLICT (rule, what) DO UPDATE SET shape = excluded.shape, content = excluded.content;

-- name: remembering
SELECT DISTINCT rule FROM memories;

-- name: forget_memory
DELETE FROM memories WHERE rule = :rule;

-- name: live
SELECT * FROM alerts;

-- name: live_of
SELECT * FROM alerts WHERE rule = :rule;

-- name: count_live
SELECT state, count(*) AS n FROM alerts GROUP BY state;

-- name: put_alert
INSERT INTO alerts (rule, group_key, kind, state, since_ms, fired_event, value, limit_value, window_s, severity,
    worse_ms, better_ms, missing, missing_ms, measure, unit)
VALUES (:rule, :group_key, :kind, :state, :since_ms, :fired_event, :value, :limit_value, :window_s, :severity,
    :worse_ms, :better_ms, :missing, :missing_ms, :measure, :unit)
ON CONFLICT (rule, group_key) DO UPDATE SET
    kind = excluded.kind, state = excluded.state, since_ms = excluded.since_ms, fired_event = excluded.fired_event,
    value = excluded.value, limit_value = excluded.limit_value, window_s = excluded.window_s,
    severity = excluded.severity, worse_ms = excluded.worse_ms, better_ms = excluded.better_ms,
    missing = excluded.missing, missing_ms = excluded.missing_ms, measure = excluded.measure, unit = excluded.unit;

-- name: keep_alert
UPDATE alerts SET severity = :severity, worse_ms = :worse_ms, better_ms = :better_ms, missing = :missing,
    missing_ms = :missing_ms
WHERE rule = :rule AND group_key = :group_key;

-- name: drop_alert
DELETE FROM alerts WHERE rule = :rule AND group_key = :group_key;

-- name: put_notice
INSERT INTO notices (event_id, resolves, rule, group_key, endpoint, webhook, body, due_ms, created_ms)
VALUES (:event_id, :resolves, :rule, :group_key, :endpoint, :webhook, :body, :now_ms, :now_ms);

-- name: put_resolving_notices
-- To every receiver that has heard of the firing, or still may.
INSERT INTO notices (event_id, resolves, rule, group_key, endpoint, webhook, body, due_ms, created_ms)
SELECT :event_id, event_id, rule, group_key, endpoint, webhook, :body, :now_ms, :now_ms
FROM notices WHERE event_id = :resolves AND status != 'failed'
ORDER BY notice_id;

-- name: waiting_for
SELECT DISTINCT endpoint FROM notices WHERE status = 'waiting' AND rule = :rule AND group_key = :group_key;

-- name: due_endpoints
-- Longest waiting first.
SELECT n.endpoint FROM notices AS n LEFT JOIN endpoints AS e USING (endpoint)
WHERE n.status = 'waiting' AND n.due_ms <= :now_ms AND coalesce(e.not_before_ms, 0) <= :now_ms
  AND (n.shared >= :shared OR n.rule = :always) AND :rule IN ('', n.rule)
GROUP BY n.endpoint ORDER BY min(n.notice_id);

-- name: next_due
-- The notice of a receiver that has been due longest and that no older notice of the same alert stands before.
SELECT n.*, e.disabled_ms, e.disabled_why, (SELECT f.status FROM notices AS f WHERE f.event_id = n.resolves AND f.endpoint = n.endpoint) AS firing_status
FROM notices AS n LEFT JOIN endpoints AS e USING (endpoint)
WHERE n.status = 'waiting' AND n.endpoint = :endpoint AND n.due_ms <= :now_ms AND coalesce(e.not_before_ms, 0) <= :now_ms
  AND (n.shared >= :shared OR n.rule = :always) AND :rule IN ('', n.rule)
  AND NOT EXISTS (
    SELECT 1 FROM notices AS o
    WHERE o.status = 'waiting' AND o.endpoint = n.endpoint AND o.rule = n.rule AND o.group_key = n.group_key
      AND o.notice_id < n.notice_id)
ORDER BY n.due_ms, n.notice_id LIMIT 1;

-- name: claim
UPDATE notices SET attempts = :attempt, due_ms = :due_ms, in_flight = 1 WHERE notice_id = :notice_id;

-- name: settle
UPDATE notices SET status = :status, due_ms = :due_ms, in_flight = 0 WHERE notice_id = :notice_id;

-- name: recover
-- Attempts that were begun and never recorded: the process died. They count as not made, and are due at once.
UPDATE notices SET attempts = attempts - 1, due_ms = :now_ms, in_flight = 0 WHERE in_flight = 1;

-- name: fail_endpoint
-- One more failure in a row; what is due to it waits at least until then.
INSERT INTO endpoints (endpoint, target, failures, not_before_ms) VALUES (:endpoint, :target, 1, :not_before_ms)
ON CONFLICT (endpoint) DO UPDATE SET
    failures = failures + 1, target = excluded.target, not_before_ms = max(not_before_ms, excluded.not_before_ms);

-- name: failures_of
SELECT failures FROM endpoints WHERE endpoint = :endpoint;

-- name: restore_endpoint
UPDATE endpoints SET failures = 0 WHERE endpoint = :endpoint AND failures != 0;

-- name: disable
INSERT INTO endpoints (endpoint, target, disabled_ms, disabled_why) VALUES (:endpoint, :target, :now_ms, :why)
ON CONFLICT (endpoint) DO UPDATE SET
    target = excluded.target, disabled_ms = excluded.disabled_ms, disabled_why = excluded.disabled_why;

-- name: known_endpoints
SELECT * FROM endpoints;

-- name: forget_endpoint
DELETE FROM endpoints WHERE endpoint = :endpoint;

-- name: readdress
INSERT INTO notices (event_id, resolves, rule, group_key, endpoint, webhook, body, due_ms, created_ms)
SELECT event_id, resolves, rule, group_key, :endpoint, :webhook, body, :now_ms, created_ms
FROM notices WHERE notice_id = :notice_id
ON CONFLICT (event_id, endpoint) DO NOTHING;

-- name: readdress_resolving
INSERT INTO notices (event_id, resolves, rule, group_key, endpoint, webhook, body, due_ms, created_ms)
SELECT event_id, resolves, rule, group_key, :endpoint, :webhook, body, :now_ms, created_ms
FROM notices WHERE resolves = :event_id
LIMIT 1
ON CONFLICT (event_id, endpoint) DO NOTHING;

-- name: status_by_endpoint
SELECT endpoint, webhook, sum(status = 'waiting') AS waiting, sum(status = 'failed') AS failed,
    sum(status = 'delivered') AS delivered, min(CASE WHEN status = 'waiting' THEN due_ms END) AS due_ms
FROM notices GROUP BY endpoint;

-- name: redeliver
-- Failed ones as if they were new; their resolved, failed because of them, after them.
UPDATE notices SET status = 'waiting', attempts = 0, due_ms = :now_ms, in_flight = 0
WHERE status = 'failed' AND (:endpoint = '' OR endpoint = :endpoint) AND (:event_id = '' OR event_id = :event_id);

-- name: count_notices
SELECT status, count(*) AS n FROM notices GROUP BY status;

-- name: prune_notices
-- Old ones that are done with; what fired an alert that is still live stays, its resolution needs it.
DELETE FROM notices
WHERE status != 'waiting' AND created_ms < :before_ms
  AND event_id NOT IN (SELECT fired_event FROM alerts WHERE fired_event IS NOT NULL)
  AND event_id NOT IN (SELECT event_id FROM tellings)
  AND event_id NOT IN (SELECT resolves FROM notices WHERE status = 'waiting' AND resolves IS NOT NULL);

-- name: put_outgoing
INSERT INTO outgoing (target, token, row) VALUES (:target, :token, :row);

-- name: oldest_outgoing
SELECT target, token, batch FROM outgoing ORDER BY seq LIMIT 1;

-- name: form_batch
UPDATE outgoing SET batch = :batch
WHERE seq IN (SELECT seq FROM outgoing WHERE batch IS NULL AND target = :target ORDER BY seq LIMIT :bound);

-- name: batch
SELECT row FROM outgoing WHERE batch = :batch AND target = :target ORDER BY seq;

-- name: drop_batch
DELETE FROM outgoing WHERE batch = :batch AND target = :target;

-- name: count_outgoing
SELECT count(*) AS n FROM outgoing;
