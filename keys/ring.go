package keys

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"postern/idp"
)

const (
	// freshFor is how long a tenant's keys are used before they are read again, so
	// that a rotation by another process counts within a second.
	freshFor = 700 * time.Millisecond
	// staleFor is how long they are still used while the store cannot be read.
	staleFor = time.Minute
	// maxTenants bounds how many tenants' keys are kept ready.
	maxTenants = 2048
	// announced is how long before its use a rotated key is in the JWKS, for
	// relying parties that cache it.
	announced = time.Hour
	// RetireMargin is how long after the last token under it a key is still shown.
	RetireMargin = time.Hour
)

// Ring holds the tenants' signing keys: it makes them at first need, keeps them
// parsed, and rotates them. It is safe for concurrent use.
type Ring struct {
	store Store
	box   *Box
	clock func() time.Time

	mu      sync.Mutex
	tenants map[idp.TenantID]*tenantKeys
}

// tenantKeys is one tenant's place in the ring.
type tenantKeys struct {
	set atomic.Pointer[keySet]
	// reading is held by the one that reads the store.
	reading chan struct{}
}

// NewRing makes a ring over a store, whose private keys the box seals.
func NewRing(store Store, box *Box, clock func() time.Time) *Ring {
	return &Ring{store: store, box: box, clock: clock, tenants: make(map[idp.TenantID]*tenantKeys)}
}

// Signer gives the tenant's active key of an algorithm: the newest that signing
// has begun with. idp.ErrNotFound for an algorithm that no keys are made for.
func (r *Ring) Signer(ctx context.Context, t idp.TenantID, alg idp.Alg) (idp.Signer, error) {
	if _, err := algorithmOf(alg); err != nil {
		return nil, err
	}
	set, err := r.keys(ctx, t)
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

// Rotate adds the next generation of each algorithm: active at once, or one
// hour from now, when relying parties know it. Older keys stay in the JWKS until
// no token under them is alive. idp.ErrConflict if another rotation was faster.
func (r *Ring) Rotate(ctx context.Context, t idp.TenantID, now bool) ([]idp.SigningKey, error) {
	at := r.clock()
	set, err := r.read(ctx, t, nil)
	if err != nil {
		return nil, err
	}
	activeFrom := at.Add(announced)
	if now {
		activeFrom = at
	}
	added := make([]idp.SigningKey, 0, len(algorithms))
	for _, alg := range algorithms {
		row, err := generate(r.box, t, alg, set.newest(alg.name).row.Generation+1, at, activeFrom)
		if err != nil {
			return added, err
		}
		if err := r.store.AddSigningKey(ctx, row, activeFrom.Add(idp.AccessTokenLife+RetireMargin)); err != nil {
			return added, fmt.Errorf("add %s key: %w", alg.name, err)
		}
		added = append(added, row)
	}
	r.mu.Lock()
	delete(r.tenants, t)
	r.mu.Unlock()
	return added, nil
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
	} else {
		select {
		case place.reading <- struct{}{}:
		case <-ctx.Done():
			return nil, fmt.Errorf("signing keys: %w", ctx.Err())
		}
	}
	defer func() { <-place.reading }()
	return r.refresh(ctx, t, place)
}

// refresh reads the keys anew, unless someone has while this caller waited.
func (r *Ring) refresh(ctx context.Context, t idp.TenantID, place *tenantKeys) (*keySet, error) {
	former := place.set.Load()
	if former != nil && r.clock().Sub(former.read) < freshFor {
		return former, nil
	}
	set, err := r.read(ctx, t, former)
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

// read gives the stored keys, and makes the first of each algorithm that has
// none. Where another replica makes it at the same time, the store lets one in
// and both use that.
func (r *Ring) read(ctx context.Context, t idp.TenantID, former *keySet) (*keySet, error) {
	now := r.clock()
	rows, err := r.store.SigningKeys(ctx, t, now)
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	missing := missingFrom(rows)
	for _, alg := range missing {
		row, err := generate(r.box, t, alg, 1, now, now)
		if err != nil {
			return nil, err
		}
		err = r.store.AddSigningKey(ctx, row, time.Time{})
		if err != nil && !errors.Is(err, idp.ErrConflict) {
			return nil, fmt.Errorf("add first %s key: %w", alg.name, err)
		}
	}
	if len(missing) > 0 {
		if rows, err = r.store.SigningKeys(ctx, t, now); err != nil {
			return nil, fmt.Errorf("signing keys: %w", err)
		}
		if still := missingFrom(rows); len(still) > 0 {
			return nil, fmt.Errorf("tenant %s has no %s key and a first one exists already: %w", t, still[0].name, idp.ErrConflict)
		}
	}
	return newKeySet(r.box, rows, former, now)
}

func missingFrom(rows []idp.SigningKey) []algorithm {
	var missing []algorithm
	for _, alg := range algorithms {
		found := false
		for _, row := range rows {
			found = found || row.Alg == alg.name
		}
		if !found {
			missing = append(missing, alg)
		}
	}
	return missing
}
