-- +goose Up

-- +goose StatementBegin
-- take_hits counts hit i counts[i] times, if its rules allow all of them. The rules of hit i lie at the
-- places starts[i] .. starts[i + 1] - 1 of all_rules, a limit and a period each.
-- Rows are locked in the order of their keys, so that no two requests wait for
-- each other.
CREATE OR REPLACE FUNCTION take_hits(keys bytea[], counts bigint[], starts int[], all_rules bigint[], now_ns bigint)
RETURNS TABLE (place int, allowed boolean, retry_at bigint, remaining bigint)
LANGUAGE plpgsql AS $$
DECLARE
    rules bigint[];
    life  bigint;
    until timestamptz;
BEGIN
    FOR place IN SELECT o FROM generate_subscripts(keys, 1) AS s (o) ORDER BY keys[o], o LOOP
        rules := all_rules[starts[place] : starts[place + 1] - 1];
        life := 0;
        FOR i IN 1 .. cardinality(rules) / 2 LOOP
            life := greatest(life, rules[2 * i] + CASE WHEN rules[2 * i - 1] > 64 THEN greatest((rules[2 * i] + 29) / 30, 1) ELSE 0 END);
        END LOOP;
        until := to_timestamp(((now_ns + life) / 3600000000000 + 1) * 3600);
        LOOP
            -- A row that is new and one that was there take the same two statements:
            -- how long it takes must not tell whether somebody asked before.
            INSERT INTO limits (key, hits, rings, allowed, retry_at, remaining, expires)
            VALUES (keys[place], '{}', '{}', false, 0, 0, until) ON CONFLICT DO NOTHING;
            UPDATE limits l
            SET (hits, rings, allowed, retry_at, remaining, expires) = (
                SELECT s.hits, s.rings, s.allowed, s.retry_at, s.remaining,
                       CASE WHEN s.allowed THEN greatest(l.expires, until) ELSE l.expires END
                FROM limit_step(l.hits, l.rings, rules, now_ns, counts[place]) s)
            WHERE l.key = keys[place]
            RETURNING l.allowed, l.retry_at, l.remaining INTO take_hits.allowed, take_hits.retry_at, take_hits.remaining;
            EXIT WHEN FOUND; -- else it was swept in between
        END LOOP;
        RETURN NEXT;
    END LOOP;
END $$;
-- +goose StatementEnd
