-- +goose Up

ALTER TABLE clients ADD COLUMN registration bytea; -- digest of its registration access token (RFC 7592)

-- What may be presented once: the jti of a client's assertion, for one.
CREATE TABLE used_once (
    tenant_id uuid        NOT NULL,
    kind      text        NOT NULL COLLATE "C",
    digest    bytea       NOT NULL,
    expires   timestamptz NOT NULL, -- from then on it would be refused anyway
    PRIMARY KEY (tenant_id, kind, digest)
);
CREATE INDEX used_once_expires ON used_once (expires);

-- Initial access tokens (RFC 7591).
CREATE TABLE registration_tokens (
    tenant_id  uuid        NOT NULL,
    token_id   uuid        NOT NULL,
    digest     bytea       NOT NULL,
    uses       integer     NOT NULL, -- left
    created_at timestamptz NOT NULL,
    expires    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, token_id)
);
CREATE INDEX registration_tokens_expires ON registration_tokens (expires);

CREATE TABLE logos (
    tenant_id uuid  NOT NULL,
    client_id text  NOT NULL COLLATE "C",
    source    text  NOT NULL,
    png       bytea NOT NULL,
    PRIMARY KEY (tenant_id, client_id)
);
