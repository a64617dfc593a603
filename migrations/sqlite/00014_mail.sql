-- +goose Up

-- How a tenant, or the instance (an id of ones), sends mail: sealed. Settings name it.
CREATE TABLE mail_setups (
    tenant_id TEXT NOT NULL PRIMARY KEY,
    setup_id  TEXT NOT NULL,
    sealed    TEXT NOT NULL
) STRICT;

-- Addresses that were refused for good, for a while.
CREATE TABLE suppressions (
    tenant_id  TEXT    NOT NULL,
    address    TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, address)
) STRICT;

CREATE INDEX suppressions_expire ON suppressions (expires);
