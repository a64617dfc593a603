package keys_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"postern/idp"
	"postern/keys"
)

// memory is a keys.Store with the contract of the real ones.
type memory struct {
	mu    sync.Mutex
	rows  []idp.SigningKey
	reads int
	down  error
}

func (m *memory) SigningKeys(_ context.Context, t idp.TenantID, now time.Time) ([]idp.SigningKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	if m.down != nil {
		return nil, m.down
	}
	var out []idp.SigningKey
	for i := len(m.rows) - 1; i >= 0; i-- {
		if row := m.rows[i]; row.TenantID == t && (row.RetiredAt.IsZero() || row.RetiredAt.After(now)) {
			out = append(out, row)
		}
	}
	return out, nil
}

func (m *memory) AddSigningKey(_ context.Context, key idp.SigningKey, retireOlder time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	for _, row := range m.rows {
		if row.TenantID == key.TenantID && row.Alg == key.Alg && row.Generation == key.Generation {
			return idp.ErrConflict
		}
	}
	for i, row := range m.rows {
		if row.TenantID == key.TenantID && row.Alg == key.Alg && row.RetiredAt.IsZero() {
			m.rows[i].RetiredAt = retireOlder
		}
	}
	m.rows = append(m.rows, key)
	return nil
}

// clock is moved by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(by)
}

func kid(t *testing.T, r *keys.Ring, tenant idp.TenantID, alg idp.Alg) string {
	t.Helper()
	signer, err := r.Signer(t.Context(), tenant, alg)
	if err != nil {
		t.Fatal(err)
	}
	return signer.KID()
}

func published(t *testing.T, r *keys.Ring, tenant idp.TenantID) []string {
	t.Helper()
	raw, err := r.JWKS(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(raw, &set); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, k := range set.Keys {
		if !k.IsPublic() || !k.Valid() {
			t.Fatalf("%s is not a public key", k.KeyID)
		}
		out = append(out, fmt.Sprint(k.Algorithm, " ", k.Use, " ", k.KeyID))
	}
	return out
}

func TestSignaturesVerifyUnderThePublishedKey(t *testing.T) {
	ring := keys.NewRing(&memory{}, newBox(t, 1), newClock().now)
	for _, alg := range idp.Algs {
		signer, err := ring.Signer(t.Context(), "a", alg)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := signer.Sign([]byte("header.payload"))
		if err != nil || signer.Alg() != alg {
			t.Fatal(signer.Alg(), err)
		}
		public, err := ring.Find(t.Context(), "a", signer.KID())
		if err != nil || public.Alg != alg || public.KID != signer.KID() {
			t.Fatal(public, err)
		}
		if err := verify(alg, public.Key, []byte("header.payload"), signature); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		if verify(alg, public.Key, []byte("header.other"), signature) == nil {
			t.Errorf("%s: verifies another text", alg)
		}
	}
	if _, err := ring.Signer(t.Context(), "a", idp.AlgNone); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("a signer for none: %v", err)
	}
}

// verify checks by the standard library alone what each algorithm's RFC says.
func verify(alg idp.Alg, key crypto.PublicKey, input, signature []byte) error {
	sum := sha256.Sum256(input)
	good := false
	switch k := key.(type) {
	case *rsa.PublicKey:
		if alg == idp.PS256 {
			return rsa.VerifyPSS(k, crypto.SHA256, sum[:], signature, &rsa.PSSOptions{SaltLength: sha256.Size})
		}
		return rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], signature)
	case *ecdsa.PublicKey:
		good = len(signature) == 64 &&
			ecdsa.Verify(k, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	case ed25519.PublicKey:
		good = ed25519.Verify(k, input, signature)
	}
	if !good {
		return errors.New("bad signature")
	}
	return nil
}

func TestTenantsHaveKeysOfTheirOwn(t *testing.T) {
	ring := keys.NewRing(&memory{}, newBox(t, 1), newClock().now)
	a := kid(t, ring, "a", idp.ES256)
	if a == kid(t, ring, "b", idp.ES256) {
		t.Error("two tenants share a key")
	}
	if _, err := ring.Find(t.Context(), "b", a); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("tenant b has tenant a's key: %v", err)
	}
}

func TestTwoRingsOnOneStoreMakeOneKey(t *testing.T) {
	store, now := &memory{}, newClock()
	rings := []*keys.Ring{keys.NewRing(store, newBox(t, 1), now.now), keys.NewRing(store, newBox(t, 1), now.now)}
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			if _, err := rings[i%2].Signer(context.Background(), "a", idp.RS256); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if len(store.rows) != 2 {
		t.Errorf("%d keys were made, not one of each algorithm", len(store.rows))
	}
	if diff := cmp.Diff(published(t, rings[0], "a"), published(t, rings[1], "a")); diff != "" {
		t.Error(diff)
	}
}

func TestARotationByAnotherProcessCountsWithinASecond(t *testing.T) {
	store, now := &memory{}, newClock()
	here, there := keys.NewRing(store, newBox(t, 1), now.now), keys.NewRing(store, newBox(t, 1), now.now)
	first := kid(t, here, "a", idp.ES256)
	if _, err := there.Rotate(t.Context(), "a", true); err != nil {
		t.Fatal(err)
	}
	now.move(time.Second)
	second := kid(t, here, "a", idp.ES256)
	if second == first {
		t.Fatal("still signs with the former key")
	}
	if _, err := here.Find(t.Context(), "a", first); err != nil {
		t.Errorf("tokens under the former key don't count any more: %v", err)
	}
	if got := published(t, here, "a"); len(got) != 4 {
		t.Errorf("published: %v", got)
	}
	now.move(idp.MaxAccessTokenLife + keys.RetireMargin)
	if _, err := here.Find(t.Context(), "a", first); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("the former key still counts: %v", err)
	}
	if got := published(t, here, "a"); len(got) != 2 {
		t.Errorf("published: %v", got)
	}
}

func TestAPlannedRotationShowsTheKeyAnHourBeforeItSigns(t *testing.T) {
	store, now := &memory{}, newClock()
	ring := keys.NewRing(store, newBox(t, 1), now.now)
	first := kid(t, ring, "a", idp.ES256)
	added, err := ring.Rotate(t.Context(), "a", false)
	if err != nil || len(added) != 2 {
		t.Fatal(added, err)
	}
	if kid(t, ring, "a", idp.ES256) != first {
		t.Error("signs with a key that relying parties don't know yet")
	}
	if got := published(t, ring, "a"); len(got) != 4 {
		t.Errorf("published: %v", got)
	}
	now.move(time.Hour)
	if kid(t, ring, "a", idp.ES256) == first {
		t.Error("still signs with the former key")
	}
}

func TestKeysAreReadOnceWhileFresh(t *testing.T) {
	store, now := &memory{}, newClock()
	ring := keys.NewRing(store, newBox(t, 1), now.now)
	kid(t, ring, "a", idp.ES256)
	before := store.reads
	for range 100 {
		kid(t, ring, "a", idp.RS256)
	}
	if store.reads != before {
		t.Errorf("read %d times more", store.reads-before)
	}
}

func TestAStoreThatIsAwayForAMomentIsNotNoticed(t *testing.T) {
	store, now := &memory{}, newClock()
	ring := keys.NewRing(store, newBox(t, 1), now.now)
	first := kid(t, ring, "a", idp.ES256)
	store.down = idp.ErrUnavailable
	now.move(30 * time.Second)
	if kid(t, ring, "a", idp.ES256) != first {
		t.Error("another key")
	}
	now.move(time.Minute)
	if _, err := ring.Signer(t.Context(), "a", idp.ES256); !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("after a minute: %v", err)
	}
}

func TestARowThatWasTamperedWithIsRefused(t *testing.T) {
	cases := []struct {
		name   string
		tamper func(rows []idp.SigningKey)
	}{
		{"another tenant's key", func(rows []idp.SigningKey) { rows[0].TenantID = "b"; rows[1].TenantID = "b" }},
		{"another id", func(rows []idp.SigningKey) { rows[0].KID = "k" }},
		{"another algorithm", func(rows []idp.SigningKey) { rows[0].Alg, rows[1].Alg = rows[1].Alg, rows[0].Alg }},
		{"not sealed", func(rows []idp.SigningKey) { rows[0].Sealed = []byte("x") }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			store, now := &memory{}, newClock()
			kid(t, keys.NewRing(store, newBox(t, 1), now.now), "a", idp.ES256)
			c.tamper(store.rows)
			if got, err := keys.NewRing(store, newBox(t, 1), now.now).JWKS(t.Context(), store.rows[0].TenantID); err == nil {
				t.Errorf("published %s", got)
			}
		})
	}
	t.Run("a public half that is not the private one's is not looked at", func(t *testing.T) {
		store, now := &memory{}, newClock()
		first := keys.NewRing(store, newBox(t, 1), now.now)
		want := published(t, first, "a")
		store.rows[0].PublicJWK = []byte(`{"kty":"EC"}`)
		if diff := cmp.Diff(want, published(t, keys.NewRing(store, newBox(t, 1), now.now), "a")); diff != "" {
			t.Error(diff)
		}
	})
}
