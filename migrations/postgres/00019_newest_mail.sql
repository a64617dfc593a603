-- +goose Up

-- The newest mail of a flow that no limit withheld, so that how it fares is found
-- by its key. Flows of the version before have none: nothing is told of theirs.
ALTER TABLE flows ADD COLUMN outbox_id uuid;
