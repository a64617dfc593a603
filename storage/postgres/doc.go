// Package postgres is the store for several replicas: PostgreSQL 15 or later,
// alone or distributed by Citus.
//
// Each method is one atomic step and, once its statement is prepared on a
// connection, one round trip: one statement, whose parts are data-modifying
// CTEs. All parts read the rows as they were when the statement began; which of
// several attempts wins is decided by the condition on the UPDATE, which
// PostgreSQL evaluates again on the newest row after waiting for whoever held
// it. So a step answers with both:
//
//	WITH seen AS (the row as it was, and what of the request fits it)
//	     won  AS (UPDATE ... WHERE state = 'asked' RETURNING ...)
//	     ...  AS (INSERT what the winner writes FROM won)
//	SELECT seen, won  --> won: done; else seen tells why; else someone was faster: used
//
// On Citus, every statement of a login names one tenant and is passed on whole
// to the machine that has it. What is not a tenant's is elsewhere: see
// distribute.go and docs/decisions.
//
// No statement compares a secret's digest with = where the time taken could be
// learned from: see blinded. The package never reads the clock but to wait
// before it tries again, and shows no driver's error without one of idp's in
// the chain where there is one for it.
package postgres
