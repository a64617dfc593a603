package sqlite

import (
	"context"
	"time"

	"postern/idp"
)

const deviceColumns = `tenant_id, device_id, secret, user_code, request, browser, network, state, expires`

func deviceInto(d *idp.DeviceLogin) []any {
	return []any{
		&d.TenantID, &d.ID, &d.Secret, &d.UserCode,
		documentColumn{&d.Request},
		&d.Asked.Browser, &d.Asked.Network, &d.State,
		timeColumn{&d.Expires},
	}
}

// StartDevice keeps a device's login; idp.ErrConflict if the user code is taken.
func (s *Store) StartDevice(ctx context.Context, d idp.DeviceLogin) error {
	const insert = `INSERT INTO devices (` + deviceColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		_, err := q.exec(ctx, insert, d.TenantID, d.ID, d.Secret, d.UserCode, document{d.Request}, d.Asked.Browser, d.Asked.Network,
			d.State, micros(d.Expires))
		return err
	})
}

// FindDevice gives a device's login, or idp.ErrNotFound; FindDeviceByCode by what
// the person has typed. Also an expired one.
func (s *Store) FindDevice(ctx context.Context, t idp.TenantID, id string) (idp.DeviceLogin, error) {
	return findDevice(ctx, s.read, t, id)
}

func findDevice(ctx context.Context, q *statements, t idp.TenantID, id string) (d idp.DeviceLogin, err error) {
	const query = `SELECT ` + deviceColumns + ` FROM devices WHERE tenant_id = ? AND device_id = ?`
	err = q.row(ctx, query, t, id).Scan(deviceInto(&d)...)
	return d, err
}

// FindDeviceByCode gives a device's login by what the person has typed.
func (s *Store) FindDeviceByCode(ctx context.Context, t idp.TenantID, code idp.Digest) (d idp.DeviceLogin, err error) {
	const query = `SELECT ` + deviceColumns + ` FROM devices WHERE tenant_id = ? AND user_code = ?`
	err = s.read.row(ctx, query, t, code).Scan(deviceInto(&d)...)
	return d, err
}

// DecideDevice writes what the person has said of a device's login: the grant,
// or, without an id, that there is none. The first answer counts:
// idp.ErrNotFound, ErrExpired, ErrUsed.
func (s *Store) DecideDevice(ctx context.Context, t idp.TenantID, id string, g idp.Grant, now time.Time) error {
	const update = `UPDATE devices SET state = ?, grant_id = ? WHERE tenant_id = ? AND device_id = ? AND state = 'asked'`
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		d, err := findDevice(ctx, q, t, id)
		switch {
		case err != nil:
			return err
		case !now.Before(d.Expires):
			return idp.ErrExpired
		}
		state := idp.DeviceAllowed
		if g.ID == "" {
			state = idp.DeviceDenied
		}
		rows, err := q.exec(ctx, update, state, g.ID, t, id)
		if err := exactlyOne(rows, err, idp.ErrUsed); err != nil || g.ID == "" {
			return err
		}
		return insertGrant(ctx, q, g)
	})
}

// PollDevice answers a device: with grant and user once it is allowed, which
// exactly one of many polls gets; else idp.ErrNotFound (also a wrong secret),
// ErrMismatch (another client's), ErrExpired, ErrUsed, ErrNotAllowed (denied),
// ErrTooSoon, or ErrPending.
func (s *Store) PollDevice(ctx context.Context, p idp.DevicePoll) (idp.Grant, idp.User, error) {
	var row grantRow
	err := s.change(ctx, func(ctx context.Context, q *statements) (err error) {
		row, err = pollDevice(ctx, q, p)
		return err
	})
	if err != nil {
		return idp.Grant{}, idp.User{}, err
	}
	return row.grant, row.user, nil
}

func pollDevice(ctx context.Context, q *statements, p idp.DevicePoll) (row grantRow, err error) {
	const (
		query  = `SELECT grant_id, polled_at FROM devices WHERE tenant_id = ? AND device_id = ?`
		polled = `UPDATE devices SET polled_at = ? WHERE tenant_id = ? AND device_id = ?`
		use    = `UPDATE devices SET state = 'used' WHERE tenant_id = ? AND device_id = ? AND state = 'allowed'`
	)
	d, err := findDevice(ctx, q, p.TenantID, p.ID)
	if err != nil {
		return row, err
	}
	var grant *idp.GrantID
	var last time.Time
	if err := q.row(ctx, query, p.TenantID, p.ID).Scan(&grant, timeColumn{&last}); err != nil {
		return row, err
	}
	if err := d.Refuses(p, last); err != nil {
		if _, failed := q.exec(ctx, polled, micros(p.Now), p.TenantID, p.ID); failed != nil {
			return row, failed
		}
		return row, keep(err)
	}
	rows, err := q.exec(ctx, use, p.TenantID, p.ID)
	if err := exactlyOne(rows, err, idp.ErrUsed); err != nil {
		return row, err
	}
	if row, err = findGrant(ctx, q, p.TenantID, *grant); err != nil {
		return row, err
	}
	if row.grant.Revoked || row.user.Disabled {
		return row, idp.ErrNotAllowed
	}
	if err := noteOnce(ctx, q, p.TenantID, p.Once); err != nil {
		return row, err
	}
	return row, giveRefresh(ctx, q, p, &row.grant)
}

func giveRefresh(ctx context.Context, q *statements, p idp.DevicePoll, g *idp.Grant) error {
	const update = `UPDATE grants SET refresh = ?, refresh_expires = ?, bound_to = ?, expires = ?, sweep_day = ?
		WHERE tenant_id = ? AND grant_id = ?`
	if p.Refresh.IsZero() || !g.Request.Offline() {
		return nil
	}
	g.Refresh, g.RefreshExpires, g.BoundTo = p.Refresh, p.RefreshExpires, p.BindTo
	g.Expires = latest(g.Expires, g.RefreshExpires)
	_, err := q.exec(ctx, update, g.Refresh, micros(g.RefreshExpires), g.BoundTo, micros(g.Expires), sweepDay(g.Expires), g.TenantID, g.ID)
	return err
}
