package sqlite

import (
	"context"
	"errors"

	"postern/idp"
)

const userColumns = `users.tenant_id, users.user_id, users.subject, users.address, users.verified,
	users.disabled, users.locale, users.profile, users.created_at`

func userInto(u *idp.User) []any {
	return []any{
		&u.TenantID, &u.ID, &u.Subject, &u.Address, &u.Verified, &u.Disabled, &u.Locale,
		documentColumn{&u.Profile},
		timeColumn{&u.CreatedAt},
	}
}

func scanUser(row scanner) (u idp.User, err error) {
	err = row.Scan(userInto(&u)...)
	return u, err
}

// InviteUser adds a user with its audit event; idp.ErrConflict if the address has one.
func (s *Store) InviteUser(ctx context.Context, u idp.User) error {
	return s.change(ctx, func(ctx context.Context, q *statements) error {
		if err := insertUser(ctx, q, u); err != nil {
			return err
		}
		invited := event(u.TenantID, u.CreatedAt, idp.EventUserInvited)
		invited.UserID = u.ID
		return note(ctx, q, invited)
	})
}

func insertUser(ctx context.Context, q *statements, u idp.User) error {
	const insert = `INSERT INTO users (tenant_id, user_id, subject, address, verified, disabled, locale, profile, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	_, err := q.exec(ctx, insert,
		u.TenantID, u.ID, u.Subject, u.Address, u.Verified, u.Disabled, u.Locale, document{u.Profile}, micros(u.CreatedAt))
	return err
}

// FindUser gives the user of an address, or idp.ErrNotFound.
func (s *Store) FindUser(ctx context.Context, t idp.TenantID, a idp.Address) (idp.User, error) {
	return findUserByAddress(ctx, s.read, t, a)
}

func findUserByAddress(ctx context.Context, q *statements, t idp.TenantID, a idp.Address) (idp.User, error) {
	const query = `SELECT ` + userColumns + ` FROM users WHERE tenant_id = ? AND address = ?`
	return scanUser(q.row(ctx, query, t, a))
}

func findUser(ctx context.Context, q *statements, t idp.TenantID, id idp.UserID) (idp.User, error) {
	const query = `SELECT ` + userColumns + ` FROM users WHERE tenant_id = ? AND user_id = ?`
	return scanUser(q.row(ctx, query, t, id))
}

// admit gives the user whose address was just proven, made now if policy lets
// it be; idp.ErrNotAllowed otherwise.
func admit(ctx context.Context, q *statements, c idp.Completion, f idp.Flow) (u idp.User, created bool, err error) {
	u, err = findUserByAddress(ctx, q, f.TenantID, f.Address)
	switch {
	case err == nil && u.Disabled:
		return u, false, idp.ErrNotAllowed
	case err == nil && u.Verified:
		return u, false, nil
	case err == nil:
		u.Verified = true
		const update = `UPDATE users SET verified = 1 WHERE tenant_id = ? AND user_id = ?`
		_, err = q.exec(ctx, update, u.TenantID, u.ID)
		return u, false, err
	case !errors.Is(err, idp.ErrNotFound):
		return u, false, err
	case c.SignUp != idp.SignUpOpen:
		return u, false, idp.ErrNotAllowed
	}
	u = c.User
	u.TenantID, u.Address, u.CreatedAt, u.Verified, u.Disabled = f.TenantID, f.Address, c.Now, true, false
	return u, true, insertUser(ctx, q, u)
}
