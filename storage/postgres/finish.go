package postgres

import (
	"context"
	"time"

	"postern/idp"
)

// FinishFlow moves a completed flow to finished and writes the grant, filled
// in from flow and session; the first caller wins: idp.ErrNotFound, ErrExpired
// (flow or session), ErrUsed (not completed, or finished before). A grant without
// an ID is not written.
func (s *Store) FinishFlow(ctx context.Context, t idp.TenantID, id idp.FlowID, g idp.Grant, now time.Time) (idp.Completed, error) {
	const update = `WITH f AS (
			SELECT f.* FROM flows f WHERE f.tenant_id = $1 AND f.flow_id = $2
		), s AS (
			SELECT s.* FROM f
			CROSS JOIN LATERAL (SELECT p.* FROM sessions p WHERE p.tenant_id = $1 AND p.session_id = f.session_id LIMIT 1) p ` + heirOf + `
			CROSS JOIN LATERAL (
				SELECT s.* FROM sessions s WHERE s.tenant_id = $1 AND s.session_id = coalesce(heir.session_id, p.session_id) LIMIT 1) s
		), u AS (
			SELECT u.* FROM s` + userOfSession + `
		), won AS (
			UPDATE flows w SET state = 'finished' FROM s JOIN u ON u.user_id = s.user_id
			WHERE w.tenant_id = $1 AND w.flow_id = $2 AND w.state = 'completed' AND w.expires > $3
				AND NOT s.revoked AND s.expires > $3
			RETURNING w.flow_id
		), granted AS (
			INSERT INTO grants (` + newGrantColumns + `)
			SELECT $1, $4, f.request ->> 'client_id', s.user_id, s.session_id, f.request, s.auth_time, s.acr, s.amr,
				$5, $6, false, $7, $8, false, $9
			FROM won JOIN f ON true JOIN s ON true WHERE $4::uuid IS NOT NULL
			RETURNING session_id, client_id, request, created_at
		), ` + spent + `, knowing AS (` + knowing + `s.expires FROM granted JOIN s ON true` + knowers + `)
		SELECT won.flow_id IS NOT NULL, ` + flowColumns + `, ` + sessionColumns + `, ` + userColumns + `
		FROM f LEFT JOIN s ON true LEFT JOIN u ON true LEFT JOIN won ON true`
	var done idp.Completed
	var won bool
	into := append([]any{boolColumn{&won}}, flowInto(&done.Flow)...)
	into = append(append(into, sessionInto(&done.Session)...), userInto(&done.User)...)
	err := s.row(ctx, into, update, named(t), named(id), instant(now),
		key(g.ID), digest(g.Code), instant(g.CodeExpires), instant(g.CreatedAt), instant(g.Expires), sweepDay(g.Expires))
	if err != nil {
		return idp.Completed{}, err
	}
	if !won {
		return idp.Completed{}, unfinished(done, now)
	}
	done.Flow.State, done.Flow.UserID, done.Flow.SessionID = idp.FlowFinished, done.User.ID, done.Session.ID
	return done, nil
}

func unfinished(read idp.Completed, now time.Time) error {
	switch {
	case !now.Before(read.Flow.Expires):
		return idp.ErrExpired
	case read.Flow.State != idp.FlowCompleted:
		return idp.ErrUsed
	case read.Session.ID == "", read.User.ID == "":
		return idp.ErrNotFound
	case read.Session.Revoked, !now.Before(read.Session.Expires):
		return idp.ErrExpired
	default:
		return idp.ErrUsed // the other tab was faster
	}
}
