-- +goose Up

-- Conventions, here and in every later step:
--   * Every tenant table's key leads with tenant_id, so that rows of a tenant lie
--     together; Citus distributes by it. Joins carry it too.
--   * Ids are uuid, but client ids, which an operator may choose. An id that is not
--     known yet is NULL. Times are timestamptz, of which this database keeps
--     microseconds; the zero time is NULL. Digests are bytea, documents jsonb.
--   * A column that a hot path updates is in no index and in no index's predicate,
--     so that the update stays in its page (HOT); the pages of such tables have
--     room for that. The one exception is outbox.done: leaving outbox_due costs a
--     mail's last update an index entry or two, and keeps the search for due mails
--     short.
--   * An index beside the key does not begin with tenant_id, unless it has to be
--     unique: while a table is small, the planner would take it for the key.
--   * No foreign keys: rows of a tenant come and go in the store's own steps, and
--     links outlive their flows on purpose.
--   * What is looked up or sorted by is compared by bytes (COLLATE "C").

CREATE TABLE tenants (
    tenant_id  uuid        NOT NULL PRIMARY KEY,
    slug       text        NOT NULL COLLATE "C",
    name       text        NOT NULL,
    host       text        COLLATE "C", -- NULL: none of its own
    root       boolean     NOT NULL,    -- serves at the root of the public URL
    settings   jsonb       NOT NULL,
    created_at timestamptz
);
CREATE UNIQUE INDEX tenants_slug ON tenants (slug);
CREATE UNIQUE INDEX tenants_host ON tenants (host);
CREATE UNIQUE INDEX tenants_root ON tenants (root) WHERE root;

CREATE TABLE clients (
    tenant_id  uuid        NOT NULL,
    client_id  text        NOT NULL COLLATE "C",
    secrets    bytea[]     NOT NULL, -- digests of those that are good now
    metadata   jsonb       NOT NULL,
    created_at timestamptz,
    PRIMARY KEY (tenant_id, client_id)
);

CREATE TABLE users (
    tenant_id  uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    subject    text        NOT NULL COLLATE "C",
    address    text        NOT NULL COLLATE "C",
    verified   boolean     NOT NULL,
    disabled   boolean     NOT NULL,
    locale     text        NOT NULL,
    created_at timestamptz,
    PRIMARY KEY (tenant_id, user_id)
);
CREATE UNIQUE INDEX users_subject ON users (tenant_id, subject);
CREATE UNIQUE INDEX users_address ON users (tenant_id, address);

CREATE TABLE sessions (
    tenant_id  uuid        NOT NULL,
    session_id uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    digest     bytea,
    auth_time  timestamptz,
    acr        text        NOT NULL,
    amr        text[],
    expires    timestamptz,
    revoked    boolean     NOT NULL,
    successor  uuid, -- the same person's next session in that browser: what stood on this one stands on that
    PRIMARY KEY (tenant_id, session_id)
) WITH (fillfactor = 90);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE flows (
    tenant_id  uuid        NOT NULL,
    flow_id    uuid        NOT NULL,
    request    jsonb       NOT NULL,
    address    text        NOT NULL COLLATE "C",
    browser    bytea,
    asked      jsonb       NOT NULL,
    locale     text        NOT NULL,
    state      text        NOT NULL COLLATE "C",
    attempts   integer     NOT NULL,
    created_at timestamptz,
    expires    timestamptz,
    next_mail  timestamptz,
    session_id uuid, -- what a completed flow signed in; its row names the user
    taken      jsonb       NOT NULL,
    PRIMARY KEY (tenant_id, flow_id)
) WITH (fillfactor = 75);
CREATE INDEX flows_expires ON flows (expires);

CREATE TABLE links (
    tenant_id uuid        NOT NULL,
    link_id   uuid        NOT NULL,
    flow_id   uuid        NOT NULL,
    client_id text        NOT NULL COLLATE "C",
    verifier  bytea,
    outcome   text        NOT NULL COLLATE "C", -- written when its flow is swept; until then the flow tells
    sent_at   timestamptz,
    expires   timestamptz,
    forget_at timestamptz NOT NULL, -- until then it can say what became of it
    PRIMARY KEY (tenant_id, link_id)
);
CREATE INDEX links_flow ON links (flow_id);
CREATE INDEX links_forget_at ON links (forget_at);

CREATE TABLE outbox (
    tenant_id   uuid        NOT NULL,
    outbox_id   uuid        NOT NULL,
    flow_id     uuid        NOT NULL,
    withheld    boolean     NOT NULL,
    state       text        NOT NULL COLLATE "C",
    attempt     integer     NOT NULL,
    due         timestamptz, -- changes only when it is queued again
    lease       timestamptz, -- while claimed or sending
    done        boolean     NOT NULL, -- in a state that nothing follows
    expires     timestamptz,
    created_at  timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, outbox_id)
) WITH (fillfactor = 50); -- three updates in the first seconds of each row
CREATE INDEX outbox_due ON outbox (due) WHERE NOT done;
CREATE INDEX outbox_expires ON outbox (expires);

CREATE TABLE grants (
    tenant_id       uuid        NOT NULL,
    grant_id        uuid        NOT NULL,
    client_id       text        NOT NULL COLLATE "C",
    user_id         uuid        NOT NULL,
    session_id      uuid,
    request         jsonb       NOT NULL,
    auth_time       timestamptz,
    acr             text        NOT NULL,
    amr             text[],
    code            bytea,
    code_expires    timestamptz,
    code_used       boolean     NOT NULL,
    refresh         bytea,       -- digest of the current refresh token
    previous        bytea,       -- digest of the one before, good for a short grace
    salt            bytea,       -- what the current one was derived with from that one
    refreshed_at    timestamptz,
    refresh_expires timestamptz,
    created_at      timestamptz,
    expires         timestamptz,
    revoked         boolean     NOT NULL,
    sweep_day       integer     NOT NULL, -- the first whole day after expires, in days since 1970: a rotation moves it once a day
    PRIMARY KEY (tenant_id, grant_id)
) WITH (fillfactor = 75);
CREATE INDEX grants_sweep_day ON grants (sweep_day);

CREATE TABLE stored_requests (
    tenant_id  uuid        NOT NULL,
    request_id uuid        NOT NULL,
    sealed     bytea       NOT NULL,
    expires    timestamptz,
    PRIMARY KEY (tenant_id, request_id)
);
CREATE INDEX stored_requests_expires ON stored_requests (expires);

CREATE TABLE signing_keys (
    tenant_id   uuid        NOT NULL,
    kid         text        NOT NULL COLLATE "C",
    alg         text        NOT NULL COLLATE "C",
    generation  integer     NOT NULL,
    sealed      bytea       NOT NULL,
    public_jwk  bytea       NOT NULL, -- the bytes that were signed off, not a document to be rewritten
    created_at  timestamptz,
    active_from timestamptz,
    retired_at  timestamptz,
    PRIMARY KEY (tenant_id, kid)
);
CREATE UNIQUE INDEX signing_keys_generation ON signing_keys (tenant_id, alg, generation);
CREATE INDEX signing_keys_retired_at ON signing_keys (retired_at) WHERE retired_at IS NOT NULL;

CREATE TABLE audit_events (
    tenant_id uuid        NOT NULL,
    event_id  uuid        NOT NULL, -- a UUIDv7, so it sorts by time
    at        timestamptz NOT NULL,
    kind      text        NOT NULL,
    user_id   uuid,
    client_id text        NOT NULL,
    detail    text        NOT NULL,
    PRIMARY KEY (tenant_id, event_id)
);

-- Instance-wide: a mailbox is counted over all tenants too, and the key is a
-- keyed hash that carries the tenant where one belongs to it. The counts are not
-- worth a log: after a crash everybody begins anew. idp.Counter says what they
-- mean. A ring is 36 numbers for each period of the larger rules: the period,
-- its first and newest bucket (since the Unix epoch), the sum, and 32 buckets,
-- each at its number modulo 32; 31 at the most are within a period.
CREATE UNLOGGED TABLE limits (
    key       bytea       NOT NULL PRIMARY KEY,
    hits      bigint[]    NOT NULL, -- Unix milliseconds, oldest first
    rings     bigint[]    NOT NULL,
    allowed   boolean     NOT NULL, -- what the last request was told
    retry_at  bigint      NOT NULL,
    remaining bigint      NOT NULL,
    expires   timestamptz NOT NULL  -- the first whole hour after the counter's end: a hit moves it once an hour
) WITH (fillfactor = 75);
CREATE INDEX limits_expires ON limits (expires);

-- What idp.Counter does, where the rows are: all keys of a request are counted
-- in one round trip. storage/postgres compares the two on random histories.
-- Within these functions there is no SELECT on the common path: each costs more
-- than all the arithmetic.

-- +goose StatementBegin
-- limit_rings gives the rings that rules need, as far as there are any, the rest empty.
CREATE FUNCTION limit_rings(rings bigint[], rules bigint[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    fitted bigint[] := '{}';
    span   bigint;
    known  boolean;
BEGIN
    FOR i IN 1 .. cardinality(rules) / 2 LOOP
        span := rules[2 * i];
        CONTINUE WHEN rules[2 * i - 1] <= 64 OR span <= 0;
        known := false;
        FOR k IN 0 .. cardinality(fitted) / 36 - 1 LOOP
            known := known OR fitted[36 * k + 1] = span;
        END LOOP;
        CONTINUE WHEN known;
        FOR k IN 0 .. cardinality(rings) / 36 - 1 LOOP
            IF rings[36 * k + 1] = span THEN
                fitted := fitted || rings[36 * k + 1 : 36 * k + 36];
                known := true;
            END IF;
        END LOOP;
        IF NOT known THEN
            fitted := fitted || array_fill(0::bigint, ARRAY[36]);
            fitted[cardinality(fitted) - 35] := span;
            fitted[cardinality(fitted) - 34] := 1; -- first after newest: empty
        END IF;
    END LOOP;
    RETURN fitted;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- limit_free_at gives when all rules allow another hit: now, or later (nanoseconds).
CREATE FUNCTION limit_free_at(hits bigint[], rings bigint[], rules bigint[], now_ns bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    free    bigint := now_ns;
    most    bigint;
    span    bigint;
    oldest  bigint;
    left_in bigint;
    bucket  bigint;
BEGIN
    FOR i IN 1 .. cardinality(rules) / 2 LOOP
        most := rules[2 * i - 1];
        span := rules[2 * i];
        IF most <= 0 THEN
            free := greatest(free, now_ns + span);
        ELSIF most > 64 THEN
            FOR k IN 0 .. cardinality(rings) / 36 - 1 LOOP
                CONTINUE WHEN rings[36 * k + 1] <> span;
                left_in := rings[36 * k + 4];
                bucket := rings[36 * k + 2];
                WHILE left_in >= most LOOP
                    left_in := left_in - rings[36 * k + 5 + bucket % 32];
                    bucket := bucket + 1;
                    IF left_in < most THEN
                        free := greatest(free, bucket * greatest((span + 29) / 30, 1) + span);
                    END IF;
                END LOOP;
            END LOOP;
        ELSIF cardinality(hits) >= most THEN
            oldest := hits[cardinality(hits) - most + 1];
            IF oldest > (now_ns - span) / 1000000 THEN
                free := greatest(free, oldest * 1000000 + span);
            END IF;
        END IF;
    END LOOP;
    RETURN free;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- limit_remaining gives how many more hits all rules allow at now.
CREATE FUNCTION limit_remaining(hits bigint[], rings bigint[], rules bigint[], now_ns bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    least_left bigint;
    used       bigint;
BEGIN
    FOR i IN 1 .. cardinality(rules) / 2 LOOP
        used := 0;
        IF rules[2 * i - 1] > 64 THEN
            FOR k IN 0 .. cardinality(rings) / 36 - 1 LOOP
                IF rings[36 * k + 1] = rules[2 * i] THEN
                    used := rings[36 * k + 4];
                END IF;
            END LOOP;
        ELSE
            WHILE used < cardinality(hits) AND hits[cardinality(hits) - used] > (now_ns - rules[2 * i]) / 1000000 LOOP
                used := used + 1;
            END LOOP;
        END IF;
        least_left := least(least_left, greatest(rules[2 * i - 1] - used, 0));
    END LOOP;
    RETURN coalesce(least_left, 0);
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- limit_step counts one hit, if the rules (limit, period, limit, period, …) allow
-- it. A refused one changes nothing.
CREATE FUNCTION limit_step(old_hits bigint[], old_rings bigint[], rules bigint[], now_ns bigint,
    OUT hits bigint[], OUT rings bigint[], OUT allowed boolean, OUT retry_at bigint, OUT remaining bigint)
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    longest bigint := 0;
    keep    int := 0;
    exact   boolean := false;
    span    bigint;
    width   bigint;
    bucket  bigint;
    place   int := 1;
BEGIN
    FOR i IN 1 .. cardinality(rules) / 2 LOOP
        IF rules[2 * i - 1] <= 64 THEN
            exact := true;
            longest := greatest(longest, rules[2 * i]);
            keep := greatest(keep, rules[2 * i - 1]);
        END IF;
    END LOOP;
    -- Leave out what no rule can still count.
    WHILE place <= cardinality(old_hits) AND old_hits[place] <= (now_ns - longest) / 1000000 LOOP
        place := place + 1;
    END LOOP;
    hits := old_hits[greatest(place, cardinality(old_hits) - keep + 1) :];
    rings := limit_rings(old_rings, rules);
    FOR k IN 0 .. cardinality(rings) / 36 - 1 LOOP
        span := rings[36 * k + 1];
        width := greatest((span + 29) / 30, 1);
        bucket := rings[36 * k + 2];
        WHILE bucket <= rings[36 * k + 3] AND (bucket + 1) * width <= now_ns - span LOOP
            rings[36 * k + 4] := rings[36 * k + 4] - rings[36 * k + 5 + bucket % 32];
            rings[36 * k + 5 + bucket % 32] := 0;
            bucket := bucket + 1;
        END LOOP;
        rings[36 * k + 2] := bucket;
    END LOOP;
    retry_at := limit_free_at(hits, rings, rules, now_ns);
    allowed := retry_at <= now_ns;
    remaining := 0;
    IF NOT allowed THEN
        hits := old_hits;
        rings := old_rings;
        RETURN;
    END IF;
    IF exact AND now_ns / 1000000 > (now_ns - longest) / 1000000 THEN
        -- Replicas' clocks differ a little, so the newest hit need not be the last one counted.
        place := cardinality(hits);
        WHILE place > 0 AND hits[place] > now_ns / 1000000 LOOP
            place := place - 1;
        END LOOP;
        hits := hits[: place] || now_ns / 1000000 || hits[place + 1 :];
        hits := hits[greatest(cardinality(hits) - keep + 1, 1) :];
    END IF;
    FOR k IN 0 .. cardinality(rings) / 36 - 1 LOOP
        bucket := now_ns / greatest((rings[36 * k + 1] + 29) / 30, 1);
        IF rings[36 * k + 2] > rings[36 * k + 3] THEN
            rings[36 * k + 2] := bucket;
            rings[36 * k + 3] := bucket;
        END IF;
        bucket := greatest(bucket, rings[36 * k + 2]); -- from a clock so far behind that its bucket is forgotten
        rings[36 * k + 3] := greatest(bucket, rings[36 * k + 3]);
        rings[36 * k + 4] := rings[36 * k + 4] + 1;
        rings[36 * k + 5 + bucket % 32] := rings[36 * k + 5 + bucket % 32] + 1;
    END LOOP;
    retry_at := limit_free_at(hits, rings, rules, now_ns);
    remaining := limit_remaining(hits, rings, rules, now_ns);
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- take_hits counts each hit that its rules allow. The rules of hit i lie at the
-- places starts[i] .. starts[i + 1] - 1 of all_rules, a limit and a period each.
-- Rows are locked in the order of their keys, so that no two requests wait for
-- each other.
CREATE FUNCTION take_hits(keys bytea[], starts int[], all_rules bigint[], now_ns bigint)
RETURNS TABLE (place int, allowed boolean, retry_at bigint, remaining bigint)
LANGUAGE plpgsql AS $$
DECLARE
    rules bigint[];
    life  bigint;
    until timestamptz;
BEGIN
    FOR place IN SELECT o FROM generate_subscripts(keys, 1) AS s (o) ORDER BY keys[o], o LOOP
        rules := all_rules[starts[place] : starts[place + 1] - 1];
        life := 0;
        FOR i IN 1 .. cardinality(rules) / 2 LOOP
            life := greatest(life, rules[2 * i] + CASE WHEN rules[2 * i - 1] > 64 THEN greatest((rules[2 * i] + 29) / 30, 1) ELSE 0 END);
        END LOOP;
        until := to_timestamp(((now_ns + life) / 3600000000000 + 1) * 3600);
        LOOP
            UPDATE limits l
            SET (hits, rings, allowed, retry_at, remaining, expires) = (
                SELECT s.hits, s.rings, s.allowed, s.retry_at, s.remaining,
                       CASE WHEN s.allowed THEN greatest(l.expires, until) ELSE l.expires END
                FROM limit_step(l.hits, l.rings, rules, now_ns) s)
            WHERE l.key = keys[place]
            RETURNING l.allowed, l.retry_at, l.remaining INTO take_hits.allowed, take_hits.retry_at, take_hits.remaining;
            EXIT WHEN FOUND;
            INSERT INTO limits AS l (key, hits, rings, allowed, retry_at, remaining, expires)
            SELECT keys[place], s.hits, s.rings, s.allowed, s.retry_at, s.remaining, until
            FROM limit_step('{}', '{}', rules, now_ns) s
            ON CONFLICT DO NOTHING
            RETURNING l.allowed, l.retry_at, l.remaining INTO take_hits.allowed, take_hits.retry_at, take_hits.remaining;
            EXIT WHEN FOUND; -- else another request was first
        END LOOP;
        RETURN NEXT;
    END LOOP;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- limit_back takes a hit back from rings.
CREATE FUNCTION limit_back(rings bigint[], at_ns bigint) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    bucket bigint;
BEGIN
    FOR k IN 0 .. cardinality(rings) / 36 - 1 LOOP
        bucket := at_ns / greatest((rings[36 * k + 1] + 29) / 30, 1);
        IF bucket BETWEEN rings[36 * k + 2] AND rings[36 * k + 3] AND rings[36 * k + 5 + bucket % 32] > 0 THEN
            rings[36 * k + 4] := rings[36 * k + 4] - 1;
            rings[36 * k + 5 + bucket % 32] := rings[36 * k + 5 + bucket % 32] - 1;
        END IF;
    END LOOP;
    RETURN rings;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- return_hits takes back hits that were given: a list of {"k": key in hex,
-- "t": nanoseconds}. What is not there any more is no error. It gives how many
-- rows it found.
CREATE FUNCTION return_hits(taken jsonb) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    one     record;
    touched int := 0;
BEGIN
    IF jsonb_typeof(taken) <> 'array' THEN
        RETURN 0;
    END IF;
    FOR one IN
        SELECT decode(e ->> 'k', 'hex') AS key, (e ->> 't')::bigint AS at_ns
        FROM jsonb_array_elements(taken) AS s (e) ORDER BY 1
    LOOP
        UPDATE limits l
        SET rings = limit_back(l.rings, one.at_ns),
            hits = CASE WHEN array_position(l.hits, one.at_ns / 1000000) IS NULL THEN l.hits
                   ELSE l.hits[: array_position(l.hits, one.at_ns / 1000000) - 1] || l.hits[array_position(l.hits, one.at_ns / 1000000) + 1 :] END
        WHERE l.key = one.key;
        IF FOUND THEN
            touched := touched + 1;
        END IF;
    END LOOP;
    RETURN touched;
END $$;
-- +goose StatementEnd
