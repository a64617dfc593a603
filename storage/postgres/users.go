package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postern/idp"
)

const userColumns = `u.tenant_id, u.user_id, u.subject, u.address, u.verified, u.disabled, u.locale, u.profile, u.created_at`

func userInto(u *idp.User) []any {
	return []any{
		keyTo(&u.TenantID), keyTo(&u.ID), textTo(&u.Subject), textTo(&u.Address),
		boolColumn{&u.Verified},
		boolColumn{&u.Disabled},
		textTo(&u.Locale),
		documentColumn{&u.Profile},
		timeColumn{&u.CreatedAt},
	}
}

// InviteUser adds a user with its audit event; idp.ErrConflict if the address has one.
func (s *Store) InviteUser(ctx context.Context, u idp.User) error {
	const insert = `INSERT INTO users (tenant_id, user_id, subject, address, verified, disabled, locale, profile, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
	profile, err := document(u.Profile)
	if err != nil {
		return err
	}
	invited := event(u.TenantID, u.CreatedAt, idp.EventUserInvited)
	invited.UserID = u.ID
	var both pgx.Batch
	both.Queue(insert, key(u.TenantID), key(u.ID), u.Subject, string(u.Address), u.Verified, u.Disabled, u.Locale, profile, instant(u.CreatedAt))
	note(&both, invited)
	return s.together(ctx, &both)
}

// FindUser gives the user of an address, or idp.ErrNotFound.
func (s *Store) FindUser(ctx context.Context, t idp.TenantID, a idp.Address) (u idp.User, err error) {
	const query = `SELECT ` + userColumns + ` FROM users u WHERE u.tenant_id = $1 AND u.address = $2`
	err = s.row(ctx, userInto(&u), query, named(t), string(a))
	return u, err
}
