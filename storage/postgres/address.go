package postgres

import (
	"cmp"
	"context"
	"errors"
	"time"

	"postern/idp"
)

// A change of address is one statement. "won" is where one of any number of
// attempts wins, and all else is written FROM who, the person as they were found
// to be; of two attempts at once the later finds them changed.
const changeAddress = `WITH l AS (
		SELECT l.flow_id, l.outcome, l.expires, coalesce(sha256(l.verifier || $3) = $4, false) AS verified
		FROM links l WHERE l.tenant_id = $1 AND l.link_id = $2
	), f AS (
		SELECT f.*, coalesce(sha256(f.browser || $3) = $5, false) AS same_browser
		FROM l CROSS JOIN LATERAL (SELECT f.* FROM flows f WHERE f.tenant_id = $1 AND f.flow_id = l.flow_id LIMIT 1) f
	), me AS (
		SELECT u.user_id FROM users u JOIN sessions s ON s.tenant_id = $1 AND s.session_id = $8 AND s.user_id = u.user_id
			AND NOT s.revoked AND s.expires > $6
		WHERE u.tenant_id = $1 AND u.user_id = $7 AND NOT u.disabled AND u.address = $9
	), won AS (
		UPDATE flows w SET state = 'finished', session_id = $8
		FROM l JOIN f ON f.flow_id = l.flow_id JOIN me ON true
		WHERE w.tenant_id = $1 AND w.flow_id = (SELECT l.flow_id FROM l) AND w.state = 'asked'
			AND l.verified AND f.same_browser AND l.expires > $6 AND f.expires > $6 AND f.request ->> 'change' = 'address'
		RETURNING w.flow_id
	), who AS (
		UPDATE users u SET address = f.address, verified = true FROM won JOIN f ON true
		WHERE u.tenant_id = $1 AND u.user_id = $7 AND u.address = $9 AND NOT u.disabled
		RETURNING u.*
	), ended AS (
		UPDATE sessions s SET revoked = true FROM who
		WHERE s.tenant_id = $1 AND s.user_id = who.user_id AND s.session_id <> $8 AND NOT s.revoked
		RETURNING s.session_id, who.subject
	), told AS (` + told + `$6, $10` + toldFrom + `), revoked AS (
		UPDATE grants g SET revoked = true FROM who WHERE g.tenant_id = $1 AND g.user_id = who.user_id AND NOT g.revoked
	), locked AS (
		UPDATE flows o SET state = 'locked' FROM who WHERE o.tenant_id = $1 AND o.address = $9 AND o.state = 'asked'
			AND o.flow_id <> (SELECT l.flow_id FROM l)
	), notice AS (
		INSERT INTO flows (tenant_id, flow_id, request, address, browser, asked, locale, state, attempts, created_at, expires, next_mail, taken)
		SELECT $1, $11, $12, $9, NULL, $13, $14, 'asked', 0, $6, $15, $6, '[]' FROM who
	), mail AS (
		INSERT INTO outbox (tenant_id, outbox_id, flow_id, withheld, state, attempt, due, done, expires, created_at)
		SELECT $1, $16, $11, false, 'queued', 0, $6, false, $15, $6 FROM who
	), noted AS (
		INSERT INTO audit_events (` + eventColumns + `) SELECT $1, $17, $6, $18, who.user_id, '', '' FROM who
	)
	SELECT l.verified, l.outcome, l.expires, f.same_browser, f.request ->> 'change' = 'address', me.user_id IS NOT NULL,
		f.flow_id, f.state, f.expires, ` + userColumns + `
	FROM l LEFT JOIN f ON true LEFT JOIN me ON true LEFT JOIN who u ON true`

// changing is a change's answer: what was read, and who was changed.
type changing struct {
	tried
	isChange, me bool
	user         idp.User
}

// ChangeAddress consumes the link, finishes the flow, gives the user the flow's
// address, ends their other sessions and every grant, locks the flows that wait
// for the old address, and queues the notice to it, with the audit event:
// idp.ErrNotFound, ErrMismatch, ErrExpired, ErrUsed, ErrNotAllowed, ErrConflict.
func (s *Store) ChangeAddress(ctx context.Context, c idp.AddressChange) (idp.User, error) {
	f, m, changed := c.Notice.Flow, c.Notice.Mail, event(c.TenantID, c.Now, idp.EventAddress)
	request, err := document(f.Request)
	if err != nil {
		return idp.User{}, err
	}
	asked, err := document(f.Asked)
	if err != nil {
		return idp.User{}, err
	}
	verifier := blind(c.Verifier)
	var a changing
	into := append([]any{
		boolColumn{&a.verified},
		textTo(&a.outcome),
		timeColumn{&a.linkExpires},
		boolColumn{&a.sameBrowser},
		boolColumn{&a.isChange},
		boolColumn{&a.me},
		keyTo(&a.flow.ID), textTo(&a.flow.State),
		timeColumn{&a.flow.Expires},
	}, userInto(&a.user)...)
	err = s.row(ctx, into, changeAddress,
		named(c.TenantID), named(c.LinkID), verifier.nonce, verifier.want, verifier.of(c.Browser), instant(c.Now),
		named(c.UserID), named(c.Session), string(c.From), instant(c.Now.Add(idp.LogoutLife)),
		key(f.ID), request, asked, f.Locale, instant(f.Expires), key(m.ID), key(changed.ID), string(changed.Kind))
	switch {
	case err != nil:
		return idp.User{}, err
	case a.user.ID == "":
		return idp.User{}, s.whyNotChanged(ctx, c, &a)
	default:
		return a.user, nil
	}
}

// whyNotChanged tells why an attempt did not win. Citus may read the parts of a
// statement one after the other: the flow as it was before somebody else won, and
// the person as that left them. Then the flow is asked once more.
func (s *Store) whyNotChanged(ctx context.Context, c idp.AddressChange, a *changing) error {
	err := a.refusal(c.Now)
	if !s.distributed || !errors.Is(err, idp.ErrNotAllowed) {
		return err
	}
	if f, failed := s.FindFlow(ctx, c.TenantID, a.flow.ID); failed != nil || f.State != idp.FlowAsked {
		return cmp.Or(failed, idp.ErrUsed)
	}
	return err
}

// refusal tells why an attempt did not win, from what it read.
func (a *changing) refusal(now time.Time) error {
	err := a.tried.refusal(now)
	switch {
	case err != nil:
		return err
	case !a.isChange:
		return idp.ErrMismatch
	case !a.me:
		return idp.ErrNotAllowed
	default:
		return idp.ErrUsed // someone was faster
	}
}
