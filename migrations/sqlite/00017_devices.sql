-- +goose Up

-- Logins that devices without a browser have asked for (RFC 8628).
CREATE TABLE devices (
    tenant_id TEXT    NOT NULL,
    device_id TEXT    NOT NULL,
    secret    BLOB    NOT NULL, -- digest of the device code's secret half
    user_code BLOB    NOT NULL, -- digest of a keyed hash of what the person types
    request   TEXT    NOT NULL,
    browser   TEXT    NOT NULL,
    network   TEXT    NOT NULL,
    state     TEXT    NOT NULL,
    grant_id  TEXT,
    polled_at INTEGER,
    expires   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, device_id),
    UNIQUE (tenant_id, user_code)
) STRICT;
CREATE INDEX devices_expires ON devices (expires);
