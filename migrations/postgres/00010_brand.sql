-- +goose Up

-- A tenant's own logo, drawn anew by us. Settings name it by its hash.
CREATE TABLE brand_logos (
    tenant_id uuid  NOT NULL PRIMARY KEY,
    hash      text  NOT NULL COLLATE "C",
    png       bytea NOT NULL
);
