-- +goose Up

ALTER TABLE users ADD COLUMN profile TEXT NOT NULL DEFAULT '{}';

CREATE INDEX sessions_user ON sessions (tenant_id, user_id);
CREATE INDEX grants_user ON grants (tenant_id, user_id);

-- Which clients know of a session and want to hear of its end. Where the same
-- person's next sign-in took a session's place, its clients have a row here with
-- the sid that they were told.
CREATE TABLE session_clients (
    tenant_id  TEXT    NOT NULL,
    session_id TEXT    NOT NULL,
    client_id  TEXT    NOT NULL,
    sid        TEXT    NOT NULL,
    expires    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, session_id, client_id, sid)
) STRICT;
CREATE INDEX session_clients_expires ON session_clients (expires);

-- Logout tokens to send; a row goes when its token was taken or given up.
CREATE TABLE logouts (
    tenant_id TEXT    NOT NULL,
    client_id TEXT    NOT NULL,
    sid       TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    attempt   INTEGER NOT NULL,
    due       INTEGER NOT NULL, -- or the end of the lease, while it is sent
    expires   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, client_id, sid)
) STRICT;
CREATE INDEX logouts_due ON logouts (due);
CREATE INDEX logouts_expires ON logouts (expires);

-- What people have agreed to.
CREATE TABLE consents (
    tenant_id TEXT    NOT NULL,
    user_id   TEXT    NOT NULL,
    client_id TEXT    NOT NULL,
    scope     TEXT    NOT NULL,
    agreed_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, user_id, client_id)
) STRICT;
