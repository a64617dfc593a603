-- +goose Up

-- A client whose id is the URL of its metadata, and whom nobody registered, is
-- kept until a time.
ALTER TABLE clients ADD COLUMN expires INTEGER;
CREATE INDEX clients_expires ON clients (expires) WHERE expires IS NOT NULL;
