package keys_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"postern/idp"
	"postern/keys"
)

// AnySigningKey implements keys.Witness.
func (m *memory) AnySigningKey(context.Context) (idp.SigningKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.down != nil:
		return idp.SigningKey{}, m.down
	case len(m.rows) == 0:
		return idp.SigningKey{}, idp.ErrNotFound
	}
	return m.rows[0], nil
}

func TestAnotherDatabasesMasterKeyIsNoticed(t *testing.T) {
	store := &memory{}
	right, wrong := newBox(t, 1), newBox(t, 2)
	if err := keys.Check(t.Context(), store, wrong); err != nil {
		t.Errorf("with nothing sealed yet: %v", err)
	}
	if _, err := keys.NewRing(store, right, time.Now).Signer(t.Context(), "t", idp.ES256); err != nil {
		t.Fatal(err)
	}
	if err := keys.Check(t.Context(), store, right); err != nil {
		t.Errorf("the right one: %v", err)
	}
	if err := keys.Check(t.Context(), store, wrong); !errors.Is(err, keys.ErrOtherMaster) {
		t.Errorf("another: %v", err)
	}
	store.down = idp.ErrUnavailable
	if err := keys.Check(t.Context(), store, right); !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("a database that does not answer: %v", err)
	}
}
