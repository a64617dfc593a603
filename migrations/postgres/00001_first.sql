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
CREATE INDEX links_flow ON links (tenant_id, flow_id);
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
-- worth a log: after a crash everybody begins anew. Buckets of the larger rules
-- lie side by side in three arrays; idp.Counter says what they mean.
CREATE UNLOGGED TABLE limits (
    key     bytea       NOT NULL PRIMARY KEY,
    hits    bigint[]    NOT NULL, -- Unix milliseconds, oldest first
    periods bigint[]    NOT NULL, -- of each bucket: nanoseconds
    numbers bigint[]    NOT NULL, -- of each bucket: which, since the Unix epoch
    counts  bigint[]    NOT NULL, -- of each bucket
    expires timestamptz NOT NULL  -- the first whole hour after the counter's end: a hit moves it once an hour
) WITH (fillfactor = 75);
CREATE INDEX limits_expires ON limits (expires);

-- What idp.Counter does, where the rows are: all keys of a request are counted
-- in one round trip. storage/postgres compares the two on random histories.

-- +goose StatementBegin
-- limit_free_at gives when all rules allow another hit: now, or later (nanoseconds).
CREATE FUNCTION limit_free_at(c limits, most bigint[], spans bigint[], now_ns bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    free   bigint := now_ns;
    one    bigint;
    oldest bigint;
BEGIN
    FOR i IN 1 .. cardinality(most) LOOP
        one := now_ns;
        IF most[i] <= 0 THEN
            one := now_ns + spans[i];
        ELSIF most[i] > 64 THEN
            SELECT min(b.ends) + spans[i] INTO one
            FROM (SELECT (s.number + 1) * greatest((spans[i] + 29) / 30, 1) AS ends,
                         sum(s.count) OVER () AS total,
                         sum(s.count) OVER (ORDER BY s.number) AS gone
                  FROM unnest(c.periods, c.numbers, c.counts) AS s (period, number, count)
                  WHERE s.period = spans[i]) b
            WHERE b.total >= most[i] AND b.total - b.gone < most[i];
        ELSIF cardinality(c.hits) >= most[i] THEN
            oldest := c.hits[cardinality(c.hits) - most[i] + 1];
            IF oldest > (now_ns - spans[i]) / 1000000 THEN
                one := oldest * 1000000 + spans[i];
            END IF;
        END IF;
        free := greatest(free, one);
    END LOOP;
    RETURN free;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- limit_remaining gives how many more hits all rules allow at now.
CREATE FUNCTION limit_remaining(c limits, most bigint[], spans bigint[], now_ns bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    least_left bigint;
    used       bigint;
BEGIN
    FOR i IN 1 .. cardinality(most) LOOP
        IF most[i] > 64 THEN
            SELECT coalesce(sum(s.count), 0) INTO used
            FROM unnest(c.periods, c.counts) AS s (period, count) WHERE s.period = spans[i];
        ELSE
            SELECT count(*) INTO used FROM unnest(c.hits) AS s (hit) WHERE s.hit > (now_ns - spans[i]) / 1000000;
        END IF;
        least_left := least(least_left, greatest(most[i] - used, 0));
    END LOOP;
    RETURN coalesce(least_left, 0);
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- limit_trim leaves out what no rule can still count.
CREATE FUNCTION limit_trim(c limits, most bigint[], spans bigint[], now_ns bigint) RETURNS limits
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    longest bigint := 0;
    keep    bigint := 0;
    wide    bigint[] := '{}';
BEGIN
    FOR i IN 1 .. cardinality(most) LOOP
        IF most[i] <= 64 THEN
            longest := greatest(longest, spans[i]);
            keep := greatest(keep, most[i]);
        ELSE
            wide := wide || spans[i];
        END IF;
    END LOOP;
    IF cardinality(c.hits) > 0 THEN
        c.hits := ARRAY(
            SELECT s.hit FROM unnest(c.hits) AS s (hit) WHERE s.hit > (now_ns - longest) / 1000000
            ORDER BY s.hit OFFSET (
                SELECT greatest(count(*) - keep, 0) FROM unnest(c.hits) AS s (hit) WHERE s.hit > (now_ns - longest) / 1000000));
    END IF;
    IF cardinality(c.periods) > 0 THEN
        SELECT coalesce(array_agg(s.period ORDER BY s.period, s.number), '{}'),
               coalesce(array_agg(s.number ORDER BY s.period, s.number), '{}'),
               coalesce(array_agg(s.count ORDER BY s.period, s.number), '{}')
        INTO c.periods, c.numbers, c.counts
        FROM unnest(c.periods, c.numbers, c.counts) AS s (period, number, count)
        WHERE s.period = ANY (wide) AND (s.number + 1) * greatest((s.period + 29) / 30, 1) > now_ns - s.period;
    END IF;
    RETURN c;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- limit_add counts a hit at now.
CREATE FUNCTION limit_add(c limits, most bigint[], spans bigint[], now_ns bigint) RETURNS limits
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    hit     bigint := now_ns / 1000000;
    low     bigint;
    high    bigint;
    at_slot bigint;
    missing bigint;
BEGIN
    IF 64 >= ANY (most) THEN
        -- Replicas' clocks differ a little, so the newest hit need not be the last one counted.
        IF cardinality(c.hits) = 0 OR c.hits[cardinality(c.hits)] <= hit THEN
            c.hits := c.hits || hit;
        ELSE
            c.hits := ARRAY(SELECT s.hit FROM unnest(c.hits || hit) AS s (hit) ORDER BY s.hit);
        END IF;
    END IF;
    FOR i IN 1 .. cardinality(most) LOOP
        CONTINUE WHEN most[i] <= 64 OR spans[i] <= 0 OR EXISTS (
            SELECT FROM generate_series(1, i - 1) AS before WHERE most[before] > 64 AND spans[before] = spans[i]);
        at_slot := now_ns / greatest((spans[i] + 29) / 30, 1);
        SELECT min(s.number), max(s.number) INTO low, high
        FROM unnest(c.periods, c.numbers) AS s (period, number) WHERE s.period = spans[i];
        at_slot := greatest(at_slot, low); -- from a clock so far behind that its bucket is forgotten
        FOR missing IN SELECT generate_series(coalesce(high + 1, at_slot), at_slot) LOOP
            c.periods := c.periods || spans[i];
            c.numbers := c.numbers || missing;
            c.counts := c.counts || 0::bigint;
        END LOOP;
        c.counts := ARRAY(
            SELECT s.count + (s.period = spans[i] AND s.number = at_slot)::int
            FROM unnest(c.periods, c.numbers, c.counts) WITH ORDINALITY AS s (period, number, count, place) ORDER BY s.place);
    END LOOP;
    RETURN c;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- take_hits counts each hit that its rules allow. The rules of hit i lie at the
-- places starts[i] .. starts[i + 1] - 1 of most and spans. Rows are locked in the
-- order of their keys, so that no two requests wait for each other.
CREATE FUNCTION take_hits(keys bytea[], starts int[], most bigint[], spans bigint[], now_ns bigint)
RETURNS TABLE (place int, allowed boolean, retry_at bigint, remaining bigint)
LANGUAGE plpgsql AS $$
DECLARE
    c     limits;
    known boolean;
    m     bigint[];
    p     bigint[];
    ends  bigint;
BEGIN
    FOR place IN SELECT o FROM generate_subscripts(keys, 1) AS s (o) ORDER BY keys[o], o LOOP
        m := most[starts[place] : starts[place + 1] - 1];
        p := spans[starts[place] : starts[place + 1] - 1];
        LOOP
            SELECT * INTO c FROM limits WHERE key = keys[place] FOR UPDATE;
            known := FOUND;
            IF NOT known THEN
                c := (keys[place], '{}', '{}', '{}', '{}', '-infinity');
            END IF;
            c := limit_trim(c, m, p, now_ns);
            retry_at := limit_free_at(c, m, p, now_ns);
            allowed := retry_at <= now_ns;
            remaining := 0;
            EXIT WHEN NOT allowed; -- and nothing is written
            c := limit_trim(limit_add(c, m, p, now_ns), m, p, now_ns);
            retry_at := limit_free_at(c, m, p, now_ns);
            remaining := limit_remaining(c, m, p, now_ns);
            SELECT max(s.span + CASE WHEN s.lim > 64 THEN greatest((s.span + 29) / 30, 1) ELSE 0 END) INTO ends
            FROM unnest(m, p) AS s (lim, span);
            ends := now_ns + greatest(coalesce(ends, 0), 0);
            c.expires := greatest(c.expires, to_timestamp((ends / 3600000000000 + 1) * 3600));
            IF known THEN
                UPDATE limits SET hits = c.hits, periods = c.periods, numbers = c.numbers, counts = c.counts, expires = c.expires
                WHERE key = c.key;
                EXIT;
            END IF;
            INSERT INTO limits (key, hits, periods, numbers, counts, expires)
            VALUES (c.key, c.hits, c.periods, c.numbers, c.counts, c.expires) ON CONFLICT DO NOTHING;
            EXIT WHEN FOUND; -- else another request was first: wait for it
        END LOOP;
        RETURN NEXT;
    END LOOP;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- return_hits takes back hits that were given: a list of {"k": key in hex,
-- "t": nanoseconds}. What is not there any more is no error. It gives how many
-- rows it found.
CREATE FUNCTION return_hits(taken jsonb) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    c       limits;
    one     record;
    at_hit  int;
    touched int := 0;
BEGIN
    IF jsonb_typeof(taken) <> 'array' THEN
        RETURN 0;
    END IF;
    FOR one IN
        SELECT decode(e ->> 'k', 'hex') AS key, (e ->> 't')::bigint AS at_ns
        FROM jsonb_array_elements(taken) AS s (e) ORDER BY 1
    LOOP
        SELECT * INTO c FROM limits WHERE key = one.key FOR UPDATE;
        CONTINUE WHEN NOT FOUND;
        touched := touched + 1;
        at_hit := array_position(c.hits, one.at_ns / 1000000);
        IF at_hit IS NOT NULL THEN
            c.hits := c.hits[: at_hit - 1] || c.hits[at_hit + 1 :];
        END IF;
        IF cardinality(c.counts) > 0 THEN
            c.counts := ARRAY(
                SELECT s.count - (s.count > 0 AND s.number = one.at_ns / greatest((s.period + 29) / 30, 1))::int
                FROM unnest(c.periods, c.numbers, c.counts) WITH ORDINALITY AS s (period, number, count, place) ORDER BY s.place);
        END IF;
        UPDATE limits SET hits = c.hits, counts = c.counts WHERE key = c.key;
    END LOOP;
    RETURN touched;
END $$;
-- +goose StatementEnd
