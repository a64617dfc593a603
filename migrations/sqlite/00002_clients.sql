-- +goose Up

ALTER TABLE clients ADD COLUMN registration BLOB; -- digest of its registration access token (RFC 7592)

-- What may be presented once: the jti of a client's assertion, for one.
CREATE TABLE used_once (
    tenant_id TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    digest    BLOB    NOT NULL,
    expires   INTEGER NOT NULL, -- from then on it would be refused anyway
    PRIMARY KEY (tenant_id, kind, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX used_once_expires ON used_once (expires);

-- Initial access tokens (RFC 7591).
CREATE TABLE registration_tokens (
    tenant_id  TEXT    NOT NULL,
    token_id   TEXT    NOT NULL,
    digest     BLOB    NOT NULL,
    uses       INTEGER NOT NULL, -- left
    created_at INTEGER NOT NULL,
    expires    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, token_id)
) STRICT;
CREATE INDEX registration_tokens_expires ON registration_tokens (expires);

CREATE TABLE logos (
    tenant_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    source    TEXT NOT NULL,
    png       BLOB NOT NULL,
    PRIMARY KEY (tenant_id, client_id)
) STRICT;
