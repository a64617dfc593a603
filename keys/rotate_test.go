package keys_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/idp"
	"postern/keys"
)

// at is the context of a request to tenant a with a rotation period.
func at(t *testing.T, period time.Duration) context.Context {
	t.Helper()
	return idp.WithTenant(t.Context(), idp.Tenant{ID: "a", Settings: idp.TenantSettings{KeyRotation: idp.Duration(period)}})
}

func signs(ctx context.Context, t *testing.T, r *keys.Ring, alg idp.Alg) string {
	t.Helper()
	signer, err := r.Signer(ctx, "a", alg)
	if err != nil {
		t.Fatal(err)
	}
	return signer.KID()
}

func shows(ctx context.Context, t *testing.T, r *keys.Ring, kid string) bool {
	t.Helper()
	raw, err := r.JWKS(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(raw), kid)
}

func TestKeysRotateByThemselvesOverTwoReplicas(t *testing.T) {
	const period = 30 * 24 * time.Hour
	store, now, ctx := &memory{}, newClock(), at(t, period)
	rings := []*keys.Ring{keys.NewRing(store, newBox(t, 1), now.now), keys.NewRing(store, newBox(t, 1), now.now)}
	first := signs(ctx, t, rings[0], idp.ES256)
	now.move(period - time.Hour - time.Second)
	for _, r := range rings {
		signs(ctx, t, r, idp.ES256)
	}
	if len(store.rows) != 2 {
		t.Fatalf("rotated too early: %d keys", len(store.rows))
	}
	now.move(time.Second)
	both(t, func(i int) error { _, err := rings[i].JWKS(ctx, "a"); return err })
	if len(store.rows) != 4 {
		t.Fatalf("%d keys, not the next of each algorithm once", len(store.rows))
	}
	next := store.rows[len(store.rows)-1].KID
	for i, r := range rings {
		if signs(ctx, t, r, idp.ES256) != first || !shows(ctx, t, r, next) {
			t.Errorf("replica %d: the next key must be shown an hour before it signs", i)
		}
	}
	now.move(time.Hour)
	for i, r := range rings {
		if signs(ctx, t, r, idp.ES256) == first || !shows(ctx, t, r, first) {
			t.Errorf("replica %d: the next key signs, and the former one is still shown", i)
		}
	}
	now.move(idp.MaxAccessTokenLife + keys.RetireMargin - time.Second)
	if !shows(ctx, t, rings[1], first) {
		t.Error("the former key went before its last token")
	}
	now.move(time.Second)
	if shows(ctx, t, rings[1], first) || len(store.rows) != 4 {
		t.Error("the former key is shown for ever")
	}
}

func both(t *testing.T, do func(int) error) {
	t.Helper()
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			if err := do(i % 2); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestATenantThatSleptRotatesWithNotice(t *testing.T) {
	store, now, ctx := &memory{}, newClock(), at(t, 0)
	ring := keys.NewRing(store, newBox(t, 1), now.now)
	first := signs(ctx, t, ring, idp.ES256)
	now.move(idp.DefaultKeyRotation * 3)
	if signs(ctx, t, ring, idp.ES256) != first || len(store.rows) != 4 {
		t.Errorf("%d keys; a key that nobody knows yet must not sign", len(store.rows))
	}
	now.move(time.Hour)
	if signs(ctx, t, ring, idp.ES256) == first {
		t.Error("the next key does not sign")
	}
	now.move(idp.DefaultKeyRotation / 2)
	signs(ctx, t, ring, idp.ES256)
	if len(store.rows) != 4 {
		t.Errorf("rotated again at once: %d keys", len(store.rows))
	}
}

func TestACommandRotatesNothingByItself(t *testing.T) {
	store, now := &memory{}, newClock()
	ring := keys.NewRing(store, newBox(t, 1), now.now)
	kid(t, ring, "a", idp.ES256)
	now.move(idp.DefaultKeyRotation * 2)
	kid(t, ring, "a", idp.ES256)
	if len(store.rows) != 2 {
		t.Errorf("%d keys without a tenant's settings at hand", len(store.rows))
	}
}

func TestAlgorithmsGetTheirKeyAtFirstNeed(t *testing.T) {
	store, now := &memory{}, newClock()
	rings := []*keys.Ring{keys.NewRing(store, newBox(t, 1), now.now), keys.NewRing(store, newBox(t, 1), now.now)}
	if got := published(t, rings[0], "a"); len(got) != 2 {
		t.Fatalf("published before any need: %v", got)
	}
	published(t, rings[1], "a")
	both(t, func(i int) error { _, err := rings[i].Signer(t.Context(), "a", idp.EdDSA); return err })
	if len(store.rows) != 3 {
		t.Fatalf("%d keys: one EdDSA key was wanted", len(store.rows))
	}
	now.move(100 * time.Millisecond)
	made := kid(t, rings[0], "a", idp.PS256)
	if _, err := rings[1].Find(t.Context(), "a", made); err != nil {
		t.Errorf("the other replica does not know the new key: %v", err)
	}
	if _, err := rings[1].Rotate(t.Context(), "a", true); err != nil {
		t.Fatal(err)
	}
	if len(store.rows) != 8 {
		t.Errorf("%d keys: a rotation is of all of the tenant's algorithms", len(store.rows))
	}
}
