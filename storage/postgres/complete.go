package postgres

import (
	"context"

	"postern/idp"
)

// A completion is one statement. "won" is where one of any number of attempts
// wins; whatever is written beside it is written FROM won, directly or through
// u, the person whose address was proven. A row cannot be changed twice in one
// statement, so the flow keeps the session, which is known beforehand, and the
// session keeps the user. Each CTE costs something though it does nothing, so what
// becomes of the browser's former session is there only where it has one.
const (
	completeFlow = `WITH l AS (
			SELECT l.flow_id, l.outcome, l.expires, coalesce(sha256(l.verifier || $3) = $4, false) AS verified
			FROM links l WHERE l.tenant_id = $1 AND l.link_id = $2
		), f AS (
			SELECT f.*, coalesce(sha256(f.browser || $3) = $5, false) AS same_browser
			FROM l CROSS JOIN LATERAL (SELECT f.* FROM flows f WHERE f.tenant_id = $1 AND f.flow_id = l.flow_id LIMIT 1) f
		), known AS (
			SELECT u.* FROM f CROSS JOIN LATERAL (SELECT u.* FROM users u WHERE u.tenant_id = $1 AND u.address = f.address LIMIT 1) u
		), won AS (
			UPDATE flows w SET state = $6, session_id = $7
			FROM l JOIN f ON f.flow_id = l.flow_id LEFT JOIN known ON true
			WHERE w.tenant_id = $1 AND w.flow_id = (SELECT l.flow_id FROM l) AND w.state = 'asked'
				AND l.verified AND f.same_browser AND l.expires > $8 AND f.expires > $8
				AND CASE WHEN known.user_id IS NULL THEN $9::boolean ELSE NOT known.disabled END
			RETURNING w.flow_id
		), made AS (
			INSERT INTO users (tenant_id, user_id, subject, address, verified, disabled, locale, profile, created_at)
			SELECT $1, $10, $11, f.address, true, false, $12, $13, $8
			FROM won JOIN f ON true LEFT JOIN known ON true WHERE known.user_id IS NULL OR NOT known.verified
			ON CONFLICT (tenant_id, address) DO UPDATE SET verified = true
			RETURNING tenant_id, user_id, subject, address, verified, disabled, locale, profile, created_at
		), u AS (
			SELECT * FROM made
			UNION ALL
			SELECT known.tenant_id, known.user_id, known.subject, known.address, known.verified, known.disabled,
				known.locale, known.profile, known.created_at
			FROM won JOIN known ON known.verified
		), opened AS (
			INSERT INTO sessions (tenant_id, session_id, user_id, digest, auth_time, acr, amr, expires, revoked)
			SELECT $1, $7, u.user_id, $14, $15, $16, $17, $18, false FROM u
		), granted AS (
			INSERT INTO grants (` + newGrantColumns + `)
			SELECT $1, $19, f.request ->> 'client_id', u.user_id, $7, f.request, $15, $16, $17,
				$20, $21, false, $22, $23, false, $24
			FROM u JOIN f ON true WHERE $19::uuid IS NOT NULL
			RETURNING session_id, client_id, request, created_at
		), ` + spent + `, knowing AS (` + knowing + `$18 FROM granted` + knowers + `), noted AS (
			INSERT INTO audit_events (` + eventColumns + `)
			SELECT $1, e.id, $8, e.kind, u.user_id, f.request ->> 'client_id', $25
			FROM u JOIN f ON true
			JOIN (VALUES ($26::uuid, $27::text, false), ($28, $29, true)) AS e (id, kind, of_new) ON NOT e.of_new OR u.user_id = $10
		)`
	completeReplacing = `, replaced AS (
			UPDATE sessions o SET revoked = true,
				successor = CASE WHEN o.user_id = u.user_id THEN $7::uuid END,
				expires = CASE WHEN o.user_id = u.user_id THEN greatest(o.expires, $18) ELSE o.expires END
			FROM u, users w WHERE o.tenant_id = $1 AND o.session_id = $30 AND o.session_id <> $7 AND NOT o.revoked
				AND w.tenant_id = $1 AND w.user_id = o.user_id
			RETURNING o.session_id, w.subject, o.user_id = u.user_id AS same_person
		), inherited AS (
			INSERT INTO session_clients (tenant_id, session_id, client_id, sid, expires)
			SELECT $1, $7, k.client_id, k.sid, $18 FROM replaced
			JOIN session_clients k ON k.tenant_id = $1 AND k.session_id = replaced.session_id
			WHERE replaced.same_person
			ON CONFLICT DO NOTHING
		), ended AS (
			SELECT replaced.session_id, replaced.subject FROM replaced WHERE NOT replaced.same_person
		), told AS (` + told + `$8, $31` + toldFrom + `)`
	completed = ` SELECT l.verified, l.outcome, l.expires, f.same_browser, known.user_id IS NOT NULL, known.disabled,
			won.flow_id IS NOT NULL, ` + flowColumns + `, ` + userColumns

	// The counts are instance-wide. Where all is on one machine, the statement
	// gives them back itself.
	completedHere   = completed + `, (SELECT return_hits(f.taken) FROM won)` + completedFrom
	completedCopied = completed + `, 0` + completedFrom
	completedFrom   = ` FROM l LEFT JOIN f ON true LEFT JOIN known ON true LEFT JOIN won ON true LEFT JOIN u ON true`
)

// completion gives the statement that completes a flow, by whether the browser
// has a session to replace, and where the counts are.
func completion(replacing, distributed bool) string {
	switch {
	case replacing && distributed:
		return completeFlow + completeReplacing + completedCopied
	case replacing:
		return completeFlow + completeReplacing + completedHere
	case distributed:
		return completeFlow + completedCopied
	default:
		return completeFlow + completedHere
	}
}

// completing is a completion's answer: what was read, and what was won.
type completing struct {
	tried
	known, disabled, won bool
	user                 idp.User
	returned             int
}

func (a *completing) into() []any {
	into := []any{
		boolColumn{&a.verified},
		textTo(&a.outcome),
		timeColumn{&a.linkExpires},
		boolColumn{&a.sameBrowser},
		boolColumn{&a.known},
		boolColumn{&a.disabled},
		boolColumn{&a.won},
	}
	into = append(append(into, flowInto(&a.flow)...), userInto(&a.user)...)
	return append(into, numberColumn{&a.returned})
}

// CompleteFlow consumes the link, completes or finishes the flow, finds or
// creates the user, opens the session, writes the grant, gives back what the
// flow took from limits and appends the audit events, in one transaction of
// which exactly one wins: idp.ErrNotFound, ErrMismatch, ErrExpired, ErrUsed,
// ErrNotAllowed. On Citus the limits get theirs back after it, not within.
func (s *Store) CompleteFlow(ctx context.Context, c idp.Completion) (idp.Completed, error) {
	state, g := idp.FlowCompleted, idp.Grant{}
	if c.Grant != nil {
		state, g = idp.FlowFinished, *c.Grant
	}
	session := c.Session
	verifier := blind(c.Verifier)
	profile, err := document(c.User.Profile)
	if err != nil {
		return idp.Completed{}, err
	}
	login, signUp := event(c.TenantID, c.Now, idp.EventLogin), event(c.TenantID, c.Now, idp.EventSignUp)
	args := []any{
		named(c.TenantID), named(c.LinkID), verifier.nonce, verifier.want, verifier.of(c.Browser),
		string(state), key(session.ID), instant(c.Now), c.SignUp == idp.SignUpOpen,
		key(c.User.ID), c.User.Subject, c.User.Locale, profile,
		digest(session.Digest), instant(session.AuthTime), session.ACR, session.AMR, instant(session.Expires),
		key(g.ID), digest(g.Code), instant(g.CodeExpires), instant(g.CreatedAt), instant(g.Expires), sweepDay(g.Expires),
		string(c.By), key(login.ID), string(login.Kind), key(signUp.ID), string(signUp.Kind),
	}
	replacing := c.Replaces != ""
	if replacing {
		args = append(args, named(c.Replaces), instant(c.Now.Add(idp.LogoutLife)))
	}
	var a completing
	err = s.row(ctx, a.into(), completion(replacing, s.distributed), args...)
	if err != nil {
		return idp.Completed{}, err
	}
	if !a.won {
		return idp.Completed{}, a.refusal(c)
	}
	if s.distributed {
		// The login stands; a count that is not given back makes a later one wait.
		_ = s.ReturnHits(ctx, a.flow.Taken)
	}
	session.TenantID, session.UserID, session.Revoked = c.TenantID, a.user.ID, false
	a.flow.State, a.flow.UserID, a.flow.SessionID = state, a.user.ID, session.ID
	return idp.Completed{Flow: a.flow, User: a.user, Session: session}, nil
}

// refusal tells why an attempt did not win, from what it read.
func (a *completing) refusal(c idp.Completion) error {
	err := a.tried.refusal(c.Now)
	switch {
	case err != nil:
		return err
	case a.disabled, !a.known && c.SignUp != idp.SignUpOpen:
		return idp.ErrNotAllowed
	default:
		return idp.ErrUsed // someone was faster
	}
}
