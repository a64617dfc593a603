-- +goose Up

-- How a tenant, or the instance (an id of ones), sends mail: sealed. Settings name it.
CREATE TABLE mail_setups (
    tenant_id uuid NOT NULL PRIMARY KEY,
    setup_id  text NOT NULL COLLATE "C",
    sealed    text NOT NULL COLLATE "C"
);

-- Addresses that were refused for good, for a while.
CREATE TABLE suppressions (
    tenant_id  uuid        NOT NULL,
    address    text        NOT NULL COLLATE "C",
    reason     text        NOT NULL,
    created_at timestamptz NOT NULL,
    expires    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, address)
);

CREATE INDEX suppressions_expire ON suppressions (expires);
