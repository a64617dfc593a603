-- +goose Up

-- Several hits of a key are counted at once. The version before this one goes on
-- with take_hits of four arguments, which finds the functions below by its
-- defaults.
DROP FUNCTION limit_step(bigint[], bigint[], bigint[], bigint);
DROP FUNCTION limit_free_at(bigint[], bigint[], bigint[], bigint);

-- +goose StatementBegin
-- limit_free_at gives when all rules allow n more hits: now, or later (nanoseconds).
CREATE FUNCTION limit_free_at(hits bigint[], rings bigint[], rules bigint[], now_ns bigint, n bigint DEFAULT 1) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    free    bigint := now_ns;
    most    bigint;
    span    bigint;
    oldest  bigint;
    left_in bigint;
    bucket  bigint;
BEGIN
    FOR i IN 1 .. cardinality(rules) / 2 LOOP
        most := rules[2 * i - 1] - (n - 1);
        span := rules[2 * i];
        IF most <= 0 THEN
            free := greatest(free, now_ns + span);
        ELSIF rules[2 * i - 1] > 64 THEN
            FOR k IN 0 .. cardinality(rings) / 36 - 1 LOOP
                CONTINUE WHEN rings[36 * k + 1] <> span;
                left_in := rings[36 * k + 4];
                bucket := rings[36 * k + 2];
                WHILE left_in >= most LOOP
                    left_in := left_in - rings[36 * k + 5 + bucket % 32];
                    bucket := bucket + 1;
                    IF left_in < most THEN
                        free := greatest(free, bucket * greatest((span + 29) / 30, 1) + span);
                    END IF;
                END LOOP;
            END LOOP;
        ELSIF cardinality(hits) >= most THEN
            oldest := hits[cardinality(hits) - most + 1];
            IF oldest > (now_ns - span) / 1000000 THEN
                free := greatest(free, oldest * 1000000 + span);
            END IF;
        END IF;
    END LOOP;
    RETURN free;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- limit_step counts n hits, if the rules (limit, period, limit, period, …) allow
-- it. A refused one changes nothing.
CREATE FUNCTION limit_step(old_hits bigint[], old_rings bigint[], rules bigint[], now_ns bigint, n bigint DEFAULT 1,
    OUT hits bigint[], OUT rings bigint[], OUT allowed boolean, OUT retry_at bigint, OUT remaining bigint)
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    longest bigint := 0;
    keep    int := 0;
    exact   boolean := false;
    span    bigint;
    width   bigint;
    bucket  bigint;
    place   int := 1;
BEGIN
    FOR i IN 1 .. cardinality(rules) / 2 LOOP
        IF rules[2 * i - 1] <= 64 THEN
            exact := true;
            longest := greatest(longest, rules[2 * i]);
            keep := greatest(keep, rules[2 * i - 1]);
        END IF;
    END LOOP;
    -- Leave out what no rule can still count.
    WHILE place <= cardinality(old_hits) AND old_hits[place] <= (now_ns - longest) / 1000000 LOOP
        place := place + 1;
    END LOOP;
    hits := old_hits[greatest(place, cardinality(old_hits) - keep + 1) :];
    rings := limit_rings(old_rings, rules);
    FOR k IN 0 .. cardinality(rings) / 36 - 1 LOOP
        span := rings[36 * k + 1];
        width := greatest((span + 29) / 30, 1);
        bucket := rings[36 * k + 2];
        WHILE bucket <= rings[36 * k + 3] AND (bucket + 1) * width <= now_ns - span LOOP
            rings[36 * k + 4] := rings[36 * k + 4] - rings[36 * k + 5 + bucket % 32];
            rings[36 * k + 5 + bucket % 32] := 0;
            bucket := bucket + 1;
        END LOOP;
        rings[36 * k + 2] := bucket;
    END LOOP;
    retry_at := limit_free_at(hits, rings, rules, now_ns, n);
    allowed := retry_at <= now_ns;
    remaining := 0;
    IF NOT allowed THEN
        hits := old_hits;
        rings := old_rings;
        RETURN;
    END IF;
    IF exact AND now_ns / 1000000 > (now_ns - longest) / 1000000 THEN
        -- Replicas' clocks differ a little, so the newest hit need not be the last one counted.
        place := cardinality(hits);
        WHILE place > 0 AND hits[place] > now_ns / 1000000 LOOP
            place := place - 1;
        END LOOP;
        hits := hits[: place] || array_fill(now_ns / 1000000, ARRAY[n::int]) || hits[place + 1 :];
        hits := hits[greatest(cardinality(hits) - keep + 1, 1) :];
    END IF;
    FOR k IN 0 .. cardinality(rings) / 36 - 1 LOOP
        bucket := now_ns / greatest((rings[36 * k + 1] + 29) / 30, 1);
        IF rings[36 * k + 2] > rings[36 * k + 3] THEN
            rings[36 * k + 2] := bucket;
            rings[36 * k + 3] := bucket;
        END IF;
        bucket := greatest(bucket, rings[36 * k + 2]); -- from a clock so far behind that its bucket is forgotten
        rings[36 * k + 3] := greatest(bucket, rings[36 * k + 3]);
        rings[36 * k + 4] := rings[36 * k + 4] + n;
        rings[36 * k + 5 + bucket % 32] := rings[36 * k + 5 + bucket % 32] + n;
    END LOOP;
    retry_at := limit_free_at(hits, rings, rules, now_ns);
    remaining := limit_remaining(hits, rings, rules, now_ns);
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- take_hits counts hit i counts[i] times, if its rules allow all of them. The rules of hit i lie at the
-- places starts[i] .. starts[i + 1] - 1 of all_rules, a limit and a period each.
-- Rows are locked in the order of their keys, so that no two requests wait for
-- each other.
CREATE FUNCTION take_hits(keys bytea[], counts bigint[], starts int[], all_rules bigint[], now_ns bigint)
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
            UPDATE limits l
            SET (hits, rings, allowed, retry_at, remaining, expires) = (
                SELECT s.hits, s.rings, s.allowed, s.retry_at, s.remaining,
                       CASE WHEN s.allowed THEN greatest(l.expires, until) ELSE l.expires END
                FROM limit_step(l.hits, l.rings, rules, now_ns, counts[place]) s)
            WHERE l.key = keys[place]
            RETURNING l.allowed, l.retry_at, l.remaining INTO take_hits.allowed, take_hits.retry_at, take_hits.remaining;
            EXIT WHEN FOUND;
            INSERT INTO limits AS l (key, hits, rings, allowed, retry_at, remaining, expires)
            SELECT keys[place], s.hits, s.rings, s.allowed, s.retry_at, s.remaining, until
            FROM limit_step('{}', '{}', rules, now_ns, counts[place]) s
            ON CONFLICT DO NOTHING
            RETURNING l.allowed, l.retry_at, l.remaining INTO take_hits.allowed, take_hits.retry_at, take_hits.remaining;
            EXIT WHEN FOUND; -- else another request was first
        END LOOP;
        RETURN NEXT;
    END LOOP;
END $$;
-- +goose StatementEnd
