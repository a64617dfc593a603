-- +goose Up

-- Logins that devices without a browser have asked for (RFC 8628).
CREATE TABLE devices (
    tenant_id uuid        NOT NULL,
    device_id uuid        NOT NULL,
    secret    bytea       NOT NULL, -- digest of the device code's secret half
    user_code bytea       NOT NULL, -- digest of a keyed hash of what the person types
    request   jsonb       NOT NULL,
    browser   text        NOT NULL,
    network   text        NOT NULL,
    state     text        NOT NULL COLLATE "C",
    grant_id  uuid,
    polled_at timestamptz,
    redeemed  uuid, -- by which poll
    expires   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, device_id),
    UNIQUE (tenant_id, user_code)
);
CREATE INDEX devices_expires ON devices (expires);
