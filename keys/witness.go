package keys

import (
	"context"
	"errors"
	"fmt"

	"postern/idp"
)

// Witness is what Check asks of the database.
type Witness interface {
	// AnySigningKey gives some key of some tenant; idp.ErrNotFound while there is none.
	AnySigningKey(ctx context.Context) (idp.SigningKey, error)
}

// ErrOtherMaster is a master key that is not the database's.
var ErrOtherMaster = errors.New("this master key is not the one that the database was used with")

// Check tells whether the box opens what the database holds sealed: nil, or
// ErrOtherMaster. A database with nothing sealed in it yet takes any.
func Check(ctx context.Context, store Witness, box *Box) error {
	row, err := store.AnySigningKey(ctx)
	if errors.Is(err, idp.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("signing keys: %w", err)
	}
	if _, err := open(box, row); err != nil {
		return ErrOtherMaster
	}
	return nil
}
