package postgres

import (
	"context"
	"time"

	"postern/idp"
)

const deviceColumns = `d.tenant_id, d.device_id, d.secret, d.user_code, d.request, d.browser, d.network, d.state, d.expires`

func deviceInto(d *idp.DeviceLogin) []any {
	return []any{
		keyTo(&d.TenantID), keyTo(&d.ID),
		digestColumn{&d.Secret},
		digestColumn{&d.UserCode},
		documentColumn{&d.Request},
		textTo(&d.Asked.Browser), textTo(&d.Asked.Network), textTo(&d.State),
		timeColumn{&d.Expires},
	}
}

// StartDevice keeps a device's login; idp.ErrConflict if the user code is taken.
func (s *Store) StartDevice(ctx context.Context, d idp.DeviceLogin) error {
	const insert = `INSERT INTO devices (tenant_id, device_id, secret, user_code, request, browser, network, state, expires)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
	request, err := document(d.Request)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, insert, key(d.TenantID), key(d.ID), digest(d.Secret), digest(d.UserCode), request, d.Asked.Browser,
		d.Asked.Network, string(d.State), instant(d.Expires))
	return err
}

// FindDevice gives a device's login, or idp.ErrNotFound; also an expired one.
func (s *Store) FindDevice(ctx context.Context, t idp.TenantID, id string) (d idp.DeviceLogin, err error) {
	const query = `SELECT ` + deviceColumns + ` FROM devices d WHERE d.tenant_id = $1 AND d.device_id = $2`
	err = s.row(ctx, deviceInto(&d), query, named(t), named(id))
	return d, err
}

// FindDeviceByCode gives a device's login by what the person has typed. It is a
// keyed hash that is looked up: how far two agree says nothing of the codes.
func (s *Store) FindDeviceByCode(ctx context.Context, t idp.TenantID, code idp.Digest) (d idp.DeviceLogin, err error) {
	const query = `SELECT ` + deviceColumns + ` FROM devices d WHERE d.tenant_id = $1 AND d.user_code = $2`
	err = s.row(ctx, deviceInto(&d), query, named(t), digest(code))
	return d, err
}

// DecideDevice writes what the person has said of a device's login: the grant,
// or, without an id, that there is none. The first answer counts:
// idp.ErrNotFound, ErrExpired, ErrUsed.
func (s *Store) DecideDevice(ctx context.Context, t idp.TenantID, id string, g idp.Grant, now time.Time) error {
	const update = `WITH d AS (
			SELECT d.expires FROM devices d WHERE d.tenant_id = $1 AND d.device_id = $2
		), won AS (
			UPDATE devices d SET state = $3, grant_id = $4
			WHERE d.tenant_id = $1 AND d.device_id = $2 AND d.state = 'asked' AND d.expires > $5
			RETURNING d.device_id
		), granted AS (
			INSERT INTO grants (` + newGrantColumns + `)
			SELECT $1, $4, $6, $7, $8, $9, $10, $11, $12, $13, $14, true, $15, $16, false, $17
			FROM won WHERE $4::uuid IS NOT NULL
			RETURNING session_id, client_id
		), knowing AS (` + knowing + `s.expires FROM granted
			JOIN sessions s ON s.tenant_id = $1 AND s.session_id = granted.session_id` + knowers + `)
		SELECT d.expires, won.device_id IS NOT NULL FROM d LEFT JOIN won ON true`
	state := idp.DeviceAllowed
	if g.ID == "" {
		state = idp.DeviceDenied
	}
	request, err := document(g.Request)
	if err != nil {
		return err
	}
	var until time.Time
	var won bool
	err = s.row(ctx, []any{timeColumn{&until}, boolColumn{&won}}, update, named(t), named(id), string(state), key(g.ID), instant(now),
		string(g.ClientID), key(g.UserID), key(g.SessionID), request, instant(g.AuthTime), g.ACR, g.AMR,
		digest(g.Code), instant(g.CodeExpires), instant(g.CreatedAt), instant(g.Expires), sweepDay(g.Expires))
	switch {
	case err != nil:
		return err
	case won:
		return nil
	case !now.Before(until):
		return idp.ErrExpired
	default:
		return idp.ErrUsed
	}
}

// PollDevice answers a device: with grant and user once it is allowed, which
// exactly one of many polls gets; else idp.ErrNotFound (also a wrong secret),
// ErrMismatch (another client's), ErrExpired, ErrUsed, ErrNotAllowed (denied),
// ErrTooSoon, or ErrPending.
//
// Every poll makes the same UPDATE. On the newest row, the first that finds the
// login allowed writes its own name into it; by that it knows that it has won.
func (s *Store) PollDevice(ctx context.Context, p idp.DevicePoll) (idp.Grant, idp.User, error) {
	const update = `WITH d AS (
			SELECT d.*, coalesce(sha256(d.secret || $4) = $5, false) AS proven
			FROM devices d WHERE d.tenant_id = $1 AND d.device_id = $2
		), m AS (
			UPDATE devices n SET
				redeemed = CASE WHEN n.state = 'allowed' THEN $7::uuid ELSE n.redeemed END,
				state = CASE WHEN n.state = 'allowed' THEN 'used' ELSE n.state END,
				polled_at = CASE WHEN n.state = 'allowed' THEN n.polled_at ELSE $3 END
			FROM d
			WHERE n.tenant_id = $1 AND n.device_id = $2 AND d.proven AND n.request ->> 'client_id' = $6 AND n.expires > $3
				AND (n.state <> 'allowed' OR n.polled_at IS NULL OR n.polled_at <= $8)
			RETURNING n.grant_id, n.redeemed = $7::uuid AND n.state = 'used' AS mine
		), g AS (
			UPDATE grants g SET
				refresh = CASE WHEN $9::bytea IS NOT NULL AND g.request -> 'scope' ? 'offline_access' THEN $9 ELSE g.refresh END,
				refresh_expires = CASE WHEN $9::bytea IS NOT NULL AND g.request -> 'scope' ? 'offline_access' THEN $10 ELSE g.refresh_expires END,
				expires = CASE WHEN $9::bytea IS NOT NULL AND g.request -> 'scope' ? 'offline_access' THEN greatest(g.expires, $10) ELSE g.expires END,
				sweep_day = CASE WHEN $9::bytea IS NOT NULL AND g.request -> 'scope' ? 'offline_access' THEN greatest(g.sweep_day, $11::int) ELSE g.sweep_day END,
				bound_to = CASE WHEN $9::bytea IS NOT NULL AND g.request -> 'scope' ? 'offline_access' THEN $12 ELSE g.bound_to END
			FROM m
			WHERE g.tenant_id = $1 AND g.grant_id = m.grant_id AND m.mine
			RETURNING ` + grantColumns + `
		), once AS (
			INSERT INTO used_once (tenant_id, kind, digest, expires) SELECT $1, $13, $14, $15 FROM g WHERE $14::bytea IS NOT NULL
		)
		SELECT ` + deviceColumns + `, d.polled_at, ` + grantColumns + `, ` + userColumns + `
		FROM d LEFT JOIN g ON true LEFT JOIN users u ON u.tenant_id = $1 AND u.user_id = g.user_id`
	secret := blind(p.Secret)
	var d idp.DeviceLogin
	var last time.Time
	var g idp.Grant
	var u idp.User
	into := append(append(deviceInto(&d), timeColumn{&last}), grantInto(&g)...)
	err := s.row(ctx, append(into, userInto(&u)...), update, named(p.TenantID), named(p.ID), instant(p.Now), secret.nonce, secret.want,
		string(p.ClientID), key(idp.NewID(p.Now)), instant(p.Now.Add(idp.DeviceHaste-idp.DeviceInterval)),
		digest(p.Refresh), instant(p.RefreshExpires), sweepDay(p.RefreshExpires), p.BindTo, p.Once.Kind, digest(p.Once.Digest), instant(p.Once.Expires))
	switch {
	case err != nil:
		return idp.Grant{}, idp.User{}, err
	case g.ID == "":
		if err := d.Refuses(p, last); err != nil {
			return idp.Grant{}, idp.User{}, err
		}
		return idp.Grant{}, idp.User{}, idp.ErrUsed // another poll was faster
	case g.Revoked, u.Disabled:
		return idp.Grant{}, idp.User{}, idp.ErrNotAllowed
	default:
		return g, u, nil
	}
}
