-- +goose Up

-- The key that a public client's refresh tokens are bound to (RFC 9449 §5, RFC 8705 §4).
ALTER TABLE grants ADD COLUMN bound_to text NOT NULL DEFAULT '' COLLATE "C";
