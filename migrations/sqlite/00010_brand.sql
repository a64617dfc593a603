-- +goose Up

-- A tenant's own logo, drawn anew by us. Settings name it by its hash.
CREATE TABLE brand_logos (
    tenant_id TEXT NOT NULL PRIMARY KEY,
    hash      TEXT NOT NULL,
    png       BLOB NOT NULL
) STRICT;
