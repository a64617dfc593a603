-- +goose Up

-- Conventions, here and in every later step:
--   * Every tenant table's key leads with tenant_id, so that rows of a tenant lie
--     together and can be distributed by it. Joins carry it too.
--   * Times are Unix microseconds, the resolution PostgreSQL has. NULL is never.
--   * Digests and other bytes are BLOB, documents are JSON in TEXT.
--   * A column that a hot path updates is in no index (PostgreSQL then updates the
--     row in place): state, attempts and leases are filtered, times that stay put
--     are indexed.
--   * No foreign keys: rows of a tenant come and go in the store's own steps, and
--     links outlive their flows on purpose.

CREATE TABLE tenants (
    tenant_id  TEXT    NOT NULL PRIMARY KEY,
    slug       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    host       TEXT,             -- NULL: none of its own
    root       INTEGER NOT NULL, -- 1: serves at the root of the public URL
    settings   TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX tenants_slug ON tenants (slug);
CREATE UNIQUE INDEX tenants_host ON tenants (host);
CREATE UNIQUE INDEX tenants_root ON tenants (root) WHERE root = 1;

CREATE TABLE clients (
    tenant_id  TEXT    NOT NULL,
    client_id  TEXT    NOT NULL,
    secrets    BLOB    NOT NULL, -- digests of 32 bytes, one after the other
    metadata   TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, client_id)
) STRICT;

CREATE TABLE users (
    tenant_id  TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    address    TEXT    NOT NULL,
    verified   INTEGER NOT NULL,
    disabled   INTEGER NOT NULL,
    locale     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
) STRICT;
CREATE UNIQUE INDEX users_subject ON users (tenant_id, subject);
CREATE UNIQUE INDEX users_address ON users (tenant_id, address);

CREATE TABLE sessions (
    tenant_id  TEXT    NOT NULL,
    session_id TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    digest     BLOB,
    auth_time  INTEGER,
    acr        TEXT    NOT NULL,
    amr        TEXT    NOT NULL,
    expires    INTEGER,
    revoked    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, session_id)
) STRICT;
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE flows (
    tenant_id  TEXT    NOT NULL,
    flow_id    TEXT    NOT NULL,
    request    TEXT    NOT NULL,
    address    TEXT    NOT NULL,
    browser    BLOB,
    asked      TEXT    NOT NULL,
    locale     TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    attempts   INTEGER NOT NULL,
    created_at INTEGER,
    expires    INTEGER,
    next_mail  INTEGER,
    user_id    TEXT    NOT NULL,
    session_id TEXT    NOT NULL,
    taken      TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, flow_id)
) STRICT;
CREATE INDEX flows_expires ON flows (expires);

CREATE TABLE links (
    tenant_id TEXT    NOT NULL,
    link_id   TEXT    NOT NULL,
    flow_id   TEXT    NOT NULL,
    client_id TEXT    NOT NULL,
    verifier  BLOB,
    outcome   TEXT    NOT NULL,
    sent_at   INTEGER,
    expires   INTEGER,
    forget_at INTEGER NOT NULL, -- until then it can say what became of it
    PRIMARY KEY (tenant_id, link_id)
) STRICT;
CREATE INDEX links_flow ON links (tenant_id, flow_id);
CREATE INDEX links_forget_at ON links (forget_at);

CREATE TABLE outbox (
    tenant_id   TEXT    NOT NULL,
    outbox_id   TEXT    NOT NULL,
    flow_id     TEXT    NOT NULL,
    withheld    INTEGER NOT NULL,
    state       TEXT    NOT NULL,
    attempt     INTEGER NOT NULL,
    due         INTEGER,          -- changes only when it is queued again
    lease       INTEGER,          -- while claimed or sending
    done        INTEGER NOT NULL, -- 1: in a state that nothing follows
    expires     INTEGER,
    created_at  INTEGER,
    finished_at INTEGER,
    PRIMARY KEY (tenant_id, outbox_id)
) STRICT;
CREATE INDEX outbox_due ON outbox (due) WHERE done = 0;
CREATE INDEX outbox_expires ON outbox (expires);

CREATE TABLE grants (
    tenant_id       TEXT    NOT NULL,
    grant_id        TEXT    NOT NULL,
    client_id       TEXT    NOT NULL,
    user_id         TEXT    NOT NULL,
    session_id      TEXT    NOT NULL,
    request         TEXT    NOT NULL,
    auth_time       INTEGER,
    acr             TEXT    NOT NULL,
    amr             TEXT    NOT NULL,
    code            BLOB,
    code_expires    INTEGER,
    code_used       INTEGER NOT NULL,
    refresh         BLOB,    -- digest of the current refresh token
    previous        BLOB,    -- digest of the one before, good for a short grace
    salt            BLOB,    -- what the current one was derived with from that one
    refreshed_at    INTEGER,
    refresh_expires INTEGER,
    created_at      INTEGER,
    expires         INTEGER,
    revoked         INTEGER NOT NULL,
    sweep_day       INTEGER NOT NULL, -- the first whole day after expires, in days since 1970: a rotation moves it once a day
    PRIMARY KEY (tenant_id, grant_id)
) STRICT;
CREATE INDEX grants_sweep_day ON grants (sweep_day);
CREATE INDEX grants_session ON grants (tenant_id, session_id);

CREATE TABLE stored_requests (
    tenant_id  TEXT    NOT NULL,
    request_id TEXT    NOT NULL,
    sealed     BLOB    NOT NULL,
    expires    INTEGER,
    PRIMARY KEY (tenant_id, request_id)
) STRICT;
CREATE INDEX stored_requests_expires ON stored_requests (expires);

CREATE TABLE signing_keys (
    tenant_id   TEXT    NOT NULL,
    kid         TEXT    NOT NULL,
    alg         TEXT    NOT NULL,
    generation  INTEGER NOT NULL,
    sealed      BLOB    NOT NULL,
    public_jwk  BLOB    NOT NULL,
    created_at  INTEGER,
    active_from INTEGER,
    retired_at  INTEGER,
    PRIMARY KEY (tenant_id, kid)
) STRICT;
CREATE UNIQUE INDEX signing_keys_generation ON signing_keys (tenant_id, alg, generation);
CREATE INDEX signing_keys_retired_at ON signing_keys (retired_at) WHERE retired_at IS NOT NULL;

CREATE TABLE audit_events (
    tenant_id TEXT    NOT NULL,
    event_id  TEXT    NOT NULL, -- a UUIDv7, so it sorts by time
    at        INTEGER NOT NULL,
    kind      TEXT    NOT NULL,
    user_id   TEXT    NOT NULL,
    client_id TEXT    NOT NULL,
    detail    TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, event_id)
) STRICT;

-- Instance-wide: a mailbox is counted over all tenants too, and the key is a
-- keyed hash that carries the tenant where one belongs to it.
CREATE TABLE limits (
    key     BLOB    NOT NULL PRIMARY KEY,
    counter BLOB    NOT NULL,
    expires INTEGER NOT NULL -- the first whole hour after the counter's end: a hit moves it once an hour
) STRICT, WITHOUT ROWID;
CREATE INDEX limits_expires ON limits (expires);
