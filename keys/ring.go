package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"postern/idp"
)

const (
	// freshFor is how long a tenant's keys are used before they are read again, so
	// that a rotation by another process counts within a second.
	freshFor = 700 * time.Millisecond
	// missRest is how old the keys must be to be read again for a key id that is not
	// among them.
	missRest = 50 * time.Millisecond
	// staleFor is how long they are still used while the store cannot be read.
	staleFor = time.Minute
	// maxTenants bounds how many tenants' keys are kept ready.
	maxTenants = 2048
)

// Ring holds the tenants' signing keys: it makes them at first need, keeps them
// parsed, and rotates them. It is safe for concurrent use.
type Ring struct {
	store Store
	box   *Box
	clock func() time.Time
	// spares, if any, are what first keys and next ones are taken from.
	spares *Spares

	mu      sync.Mutex
	tenants map[idp.TenantID]*tenantKeys
}

// tenantKeys is one tenant's place in the ring.
type tenantKeys struct {
	set atomic.Pointer[keySet]
	// reading is held by the one that reads the store.
	reading chan struct{}
}

// take waits for the right to read the store.
func (k *tenantKeys) take(ctx context.Context) error {
	select {
	case k.reading <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("signing keys: %w", ctx.Err())
	}
}

func (k *tenantKeys) release() { <-k.reading }

// NewRing makes a ring over a store, whose private keys the box seals.
func NewRing(store Store, box *Box, clock func() time.Time) *Ring {
	return &Ring{store: store, box: box, clock: clock, tenants: make(map[idp.TenantID]*tenantKeys)}
}

// Use makes the ring take keys from what was made ahead.
func (r *Ring) Use(s *Spares) *Ring {
	r.spares = s
	return r
}

// Signer gives the tenant's active key of an algorithm: the newest that signing
// has begun with. One that the tenant has no key of yet gets its first.
// idp.ErrNotFound for an algorithm that no keys are made for.
func (r *Ring) Signer(ctx context.Context, t idp.TenantID, alg idp.Alg) (idp.Signer, error) {
	if _, err := algorithmOf(alg); err != nil {
		return nil, err
	}
	set, err := r.keys(ctx, t)
	if err == nil && set.newest(alg) == nil {
		set, err = r.begin(ctx, t, alg)
	}
	if err != nil {
		return nil, err
	}
	k := set.active(alg, r.clock())
	if k == nil {
		return nil, fmt.Errorf("%s key of tenant %s: %w", alg, t, idp.ErrNotFound)
	}
	return k, nil
}

// Find gives the public key of a key id, or idp.ErrNotFound.
func (r *Ring) Find(ctx context.Context, t idp.TenantID, kid string) (idp.PublicKey, error) {
	set, err := r.keys(ctx, t)
	if err != nil {
		return idp.PublicKey{}, err
	}
	k := set.find(kid)
	if k == nil && r.clock().Sub(set.read) > 0 {
		// Another replica may have made it since.
		if set, err = r.reread(ctx, t, set); err != nil {
			return idp.PublicKey{}, err
		}
		k = set.find(kid)
	}
	if k == nil || (!k.row.RetiredAt.IsZero() && !k.row.RetiredAt.After(r.clock())) {
		return idp.PublicKey{}, fmt.Errorf("signing key: %w", idp.ErrNotFound)
	}
	return idp.PublicKey{KID: k.row.KID, Alg: k.alg.name, Key: k.jwk.Key}, nil
}

// JWKS is the tenant's JSON Web Key Set (RFC 7517 §5), encoded. The caller must
// not change it.
func (r *Ring) JWKS(ctx context.Context, t idp.TenantID) ([]byte, error) {
	set, err := r.keys(ctx, t)
	if err != nil {
		return nil, err
	}
	return set.jwks, nil
}

// keys gives a tenant's keys as they were at most freshFor ago. While one
// caller reads them anew, others use the former ones; only where there are none
// yet do they wait.
func (r *Ring) keys(ctx context.Context, t idp.TenantID) (*keySet, error) {
	place := r.place(t)
	set := place.set.Load()
	if set != nil && r.clock().Sub(set.read) < freshFor {
		return set, nil
	}
	if set != nil && r.clock().Sub(set.read) < staleFor {
		select {
		case place.reading <- struct{}{}:
		default:
			return set, nil
		}
	} else if err := place.take(ctx); err != nil {
		return nil, err
	}
	defer place.release()
	return r.refresh(ctx, t, place)
}

// begin makes the tenant's first key of an algorithm.
func (r *Ring) begin(ctx context.Context, t idp.TenantID, alg idp.Alg) (*keySet, error) {
	place := r.place(t)
	if err := place.take(ctx); err != nil {
		return nil, err
	}
	defer place.release()
	former := place.set.Load()
	if former != nil && former.newest(alg) != nil {
		return former, nil
	}
	set, err := r.read(ctx, t, alg, former)
	if err != nil {
		return nil, err
	}
	place.set.Store(set)
	return set, nil
}

// reread reads the keys anew for a key id that the given set lacks. Made-up ids
// cost one read in a missRest at most.
func (r *Ring) reread(ctx context.Context, t idp.TenantID, lacking *keySet) (*keySet, error) {
	if r.clock().Sub(lacking.read) < missRest {
		return lacking, nil
	}
	place := r.place(t)
	if err := place.take(ctx); err != nil {
		return nil, err
	}
	defer place.release()
	former := place.set.Load()
	if former != nil && former.read.After(lacking.read) {
		return former, nil
	}
	set, err := r.read(ctx, t, "", former)
	if err != nil {
		return lacking, nil // what was read a moment ago is still good
	}
	place.set.Store(set)
	return set, nil
}

// refresh reads the keys anew, unless someone has while this caller waited.
func (r *Ring) refresh(ctx context.Context, t idp.TenantID, place *tenantKeys) (*keySet, error) {
	former := place.set.Load()
	if former != nil && r.clock().Sub(former.read) < freshFor {
		return former, nil
	}
	set, err := r.read(ctx, t, "", former)
	if err != nil {
		if former != nil && r.clock().Sub(former.read) < staleFor {
			return former, nil // what was read a moment ago is still good
		}
		return nil, err
	}
	place.set.Store(set)
	return set, nil
}

func (r *Ring) place(t idp.TenantID) *tenantKeys {
	r.mu.Lock()
	defer r.mu.Unlock()
	if place, ok := r.tenants[t]; ok {
		return place
	}
	for other := range r.tenants {
		if len(r.tenants) < maxTenants {
			break
		}
		delete(r.tenants, other)
	}
	place := &tenantKeys{reading: make(chan struct{}, 1)}
	r.tenants[t] = place
	return place
}

// read gives the stored keys, after it made what is due: the first of each
// usual algorithm and of the one that is wanted, and the next of those whose
// time is over. Where another replica makes it at the same time, the store lets
// one in and both use that.
func (r *Ring) read(ctx context.Context, t idp.TenantID, wanted idp.Alg, former *keySet) (*keySet, error) {
	now := r.clock()
	rows, err := r.store.SigningKeys(ctx, t, now)
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	missing := missingFrom(rows, wanted)
	for _, alg := range missing {
		row, err := r.generate(t, alg, 1, now, now)
		if err != nil {
			return nil, err
		}
		err = r.store.AddSigningKey(ctx, row, time.Time{})
		if err != nil && !errors.Is(err, idp.ErrConflict) {
			return nil, fmt.Errorf("add first %s key: %w", alg.name, err)
		}
	}
	rotated, err := r.rotateDue(ctx, t, rows)
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 || rotated {
		if rows, err = r.store.SigningKeys(ctx, t, now); err != nil {
			return nil, fmt.Errorf("signing keys: %w", err)
		}
		if still := missingFrom(rows, wanted); len(still) > 0 {
			return nil, fmt.Errorf("tenant %s has no %s key and a first one exists already: %w", t, still[0].name, idp.ErrConflict)
		}
	}
	return newKeySet(r.box, rows, former, now)
}

func missingFrom(rows []idp.SigningKey, wanted idp.Alg) []algorithm {
	var missing []algorithm
	for _, alg := range algorithms {
		needed := alg.name == wanted || slices.Contains(usual, alg.name)
		if needed && newestOf(rows, alg.name).Generation == 0 {
			missing = append(missing, alg)
		}
	}
	return missing
}

// newestOf is the newest row of an algorithm; its zero value if there is none.
func newestOf(rows []idp.SigningKey, alg idp.Alg) (newest idp.SigningKey) {
	for _, row := range rows {
		if row.Alg == alg && row.Generation > newest.Generation {
			newest = row
		}
	}
	return newest
}
