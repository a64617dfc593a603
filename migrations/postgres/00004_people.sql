-- +goose Up

ALTER TABLE users ADD COLUMN profile jsonb NOT NULL DEFAULT '{}';

CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_successor ON sessions (successor) WHERE successor IS NOT NULL;
CREATE INDEX grants_user ON grants (user_id);

-- Which clients know of a session and want to hear of its end. Where the same
-- person's next sign-in took a session's place, its clients have a row here with
-- the sid that they were told.
CREATE TABLE session_clients (
    tenant_id  uuid        NOT NULL,
    session_id uuid        NOT NULL,
    client_id  text        NOT NULL COLLATE "C",
    sid        uuid        NOT NULL,
    expires    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, session_id, client_id, sid)
);
CREATE INDEX session_clients_expires ON session_clients (expires);

-- Logout tokens to send; a row goes when its token was taken or given up.
CREATE TABLE logouts (
    tenant_id uuid        NOT NULL,
    client_id text        NOT NULL COLLATE "C",
    sid       uuid        NOT NULL,
    subject   text        NOT NULL COLLATE "C",
    attempt   integer     NOT NULL,
    due       timestamptz NOT NULL, -- or the end of the lease, while it is sent
    expires   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, client_id, sid)
);
CREATE INDEX logouts_due ON logouts (due);
CREATE INDEX logouts_expires ON logouts (expires);

-- sorted_once gives each text of a list once, in their order. A function, for
-- Citus takes no subquery in an INSERT.
CREATE FUNCTION sorted_once(list text[]) RETURNS text[] LANGUAGE sql IMMUTABLE
    RETURN ARRAY(SELECT DISTINCT s.text FROM unnest(list) AS s (text) ORDER BY s.text);

-- What people have agreed to.
CREATE TABLE consents (
    tenant_id uuid        NOT NULL,
    user_id   uuid        NOT NULL,
    client_id text        NOT NULL COLLATE "C",
    scope     text[]      NOT NULL,
    agreed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id, client_id)
);
