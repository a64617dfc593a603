-- +goose Up

-- SQLite counts in the program: nothing to change but the number.
SELECT 1;
