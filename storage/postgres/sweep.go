package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"postern/idp"
)

// sweeps delete one kind of row each, up to a number, whose time is over at a
// time. Links go by the time of their tombstone. A counter that someone counts
// with just now is left for the next sweep.
var sweeps = []string{
	`DELETE FROM links WHERE (tenant_id, link_id) IN
		(SELECT tenant_id, link_id FROM links WHERE forget_at <= $1 ORDER BY forget_at LIMIT $2)`,
	`DELETE FROM outbox WHERE (tenant_id, outbox_id) IN
		(SELECT tenant_id, outbox_id FROM outbox WHERE expires <= $1 ORDER BY expires LIMIT $2)`,
	`DELETE FROM sessions WHERE (tenant_id, session_id) IN
		(SELECT tenant_id, session_id FROM sessions WHERE expires <= $1 ORDER BY expires LIMIT $2)`,
	`DELETE FROM stored_requests WHERE (tenant_id, request_id) IN
		(SELECT tenant_id, request_id FROM stored_requests WHERE expires <= $1 ORDER BY expires LIMIT $2)`,
	`DELETE FROM signing_keys WHERE (tenant_id, kid) IN
		(SELECT tenant_id, kid FROM signing_keys WHERE retired_at <= $1 ORDER BY retired_at LIMIT $2)`,
	`DELETE FROM used_once WHERE (tenant_id, kind, digest) IN
		(SELECT tenant_id, kind, digest FROM used_once WHERE expires <= $1 ORDER BY expires LIMIT $2)`,
	`DELETE FROM devices WHERE (tenant_id, device_id) IN
		(SELECT tenant_id, device_id FROM devices WHERE expires <= $1 ORDER BY expires LIMIT $2)`,
	`DELETE FROM registration_tokens WHERE (tenant_id, token_id) IN
		(SELECT tenant_id, token_id FROM registration_tokens WHERE expires <= $1 ORDER BY expires LIMIT $2)`,
	`DELETE FROM clients WHERE (tenant_id, client_id) IN
		(SELECT tenant_id, client_id FROM clients WHERE expires <= $1 ORDER BY expires LIMIT $2)`,
	`DELETE FROM session_clients WHERE (tenant_id, session_id, client_id, sid) IN
		(SELECT tenant_id, session_id, client_id, sid FROM session_clients WHERE expires <= $1 ORDER BY expires LIMIT $2)`,
	`DELETE FROM logouts WHERE (tenant_id, client_id, sid) IN
		(SELECT tenant_id, client_id, sid FROM logouts WHERE expires <= $1 ORDER BY expires LIMIT $2)`,
	`DELETE FROM suppressions WHERE (tenant_id, address) IN
		(SELECT tenant_id, address FROM suppressions WHERE expires <= $1 ORDER BY expires LIMIT $2)`,
	`DELETE FROM limits WHERE key IN
		(SELECT key FROM limits WHERE expires <= $1 ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED)`,
	`DELETE FROM grants WHERE (tenant_id, grant_id) IN
		(SELECT tenant_id, grant_id FROM grants WHERE sweep_day <= extract(epoch FROM $1::timestamptz)::bigint / 86400
			ORDER BY sweep_day LIMIT $2)`,
}

// Sweep deletes up to most rows of each kind whose time is over at now, and
// tells how many went. A grant may stay for the rest of its last day, a
// counter for that of its last hour: nothing but their absence is asked of them
// then. Kinds go one after the other, so that none holds another's rows.
func (s *Store) Sweep(ctx context.Context, now time.Time, most int) (int, error) {
	total, err := s.sweepFlows(ctx, now, most)
	if err != nil {
		return total, err
	}
	for _, sweep := range sweeps {
		rows, err := s.exec(ctx, sweep, instant(now), most)
		if err != nil {
			return total, err
		}
		total += int(rows)
	}
	return total, nil
}

// ended are flows to be swept, as columns.
type ended struct{ tenants, flows []pgtype.UUID }

func (e *ended) add(f idp.Flow) {
	e.tenants, e.flows = append(e.tenants, key(f.TenantID)), append(e.flows, key(f.ID))
}

// sweepFlows writes to the links what became of their flows, then deletes the
// flows. They are past their time, so nothing becomes of them in between.
func (s *Store) sweepFlows(ctx context.Context, now time.Time, most int) (int, error) {
	const (
		query  = `SELECT tenant_id, flow_id, state FROM flows WHERE expires <= $1 ORDER BY expires LIMIT $2`
		update = `UPDATE links SET outcome = $3 FROM unnest($1::uuid[], $2::uuid[]) AS gone (tenant_id, flow_id)
			WHERE links.tenant_id = gone.tenant_id AND links.flow_id = gone.flow_id AND links.outcome = ''`
		remove = `DELETE FROM flows USING unnest($1::uuid[], $2::uuid[]) AS gone (tenant_id, flow_id)
			WHERE flows.tenant_id = gone.tenant_id AND flows.flow_id = gone.flow_id`
	)
	flows, err := list(ctx, s, scanEnded, query, instant(now), most)
	if err != nil || len(flows) == 0 {
		return 0, err
	}
	var all ended
	became := map[idp.LinkOutcome]*ended{idp.LinkUsed: {}, idp.LinkDead: {}}
	for _, f := range flows {
		all.add(f)
		switch f.State {
		case idp.FlowCompleted, idp.FlowFinished:
			became[idp.LinkUsed].add(f)
		case idp.FlowLocked:
			became[idp.LinkDead].add(f)
		case idp.FlowAsked: // the links have expired, as their own times say
		}
	}
	for outcome, e := range became {
		if len(e.flows) == 0 {
			continue
		}
		if _, err := s.exec(ctx, update, e.tenants, e.flows, string(outcome)); err != nil {
			return 0, err
		}
	}
	rows, err := s.exec(ctx, remove, all.tenants, all.flows)
	return int(rows), err
}

func scanEnded(row pgx.Row) (f idp.Flow, err error) {
	err = row.Scan(keyTo(&f.TenantID), keyTo(&f.ID), textTo(&f.State))
	return f, err
}
