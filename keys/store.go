package keys

import (
	"context"
	"time"

	"postern/idp"
)

// Store is what keys asks of the database. Each method is one atomic step.
type Store interface {
	// SigningKeys gives a tenant's keys that are not retired at now, newest first.
	SigningKeys(ctx context.Context, t idp.TenantID, now time.Time) ([]idp.SigningKey, error)
	// AddSigningKey adds a key of the next generation and sets the retirement of
	// older keys of its algorithm, if not set already, to retireOlder (zero:
	// leaves them). idp.ErrConflict if the generation exists.
	AddSigningKey(ctx context.Context, key idp.SigningKey, retireOlder time.Time) error
}
