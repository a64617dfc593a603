package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/idp"
)

const (
	// announced is how long before its use a rotated key is in the JWKS: more than
	// any cache of it may live, which is five minutes by its max-age.
	announced = time.Hour
	// RetireMargin is how long after the last token under it a key is still shown.
	RetireMargin = time.Hour
	// lastToken is how long a key's tokens may outlive its use.
	lastToken = idp.MaxAccessTokenLife
)

// Rotate adds the next generation of each algorithm that the tenant has a key
// of: active at once, or one hour from now, when relying parties know it. Older
// keys stay in the JWKS until no token under them is alive. idp.ErrConflict if
// another rotation was faster.
func (r *Ring) Rotate(ctx context.Context, t idp.TenantID, now bool) ([]idp.SigningKey, error) {
	at := r.clock()
	set, err := r.read(ctx, t, "", nil)
	if err != nil {
		return nil, err
	}
	activeFrom := at.Add(announced)
	if now {
		activeFrom = at
	}
	added := make([]idp.SigningKey, 0, len(algorithms))
	for _, alg := range algorithms {
		newest := set.newest(alg.name)
		if newest == nil {
			continue
		}
		row, err := r.add(ctx, newest.row, alg, at, activeFrom)
		if err != nil {
			return added, err
		}
		added = append(added, row)
	}
	r.mu.Lock()
	delete(r.tenants, t)
	r.mu.Unlock()
	return added, nil
}

// rotateDue adds the next generation where the newest has an hour left to serve.
// Whichever replica reads the keys first does it; for the others the store has
// it already. The period is the tenant's, which a request's context holds:
// without one, as in a command, nothing is due.
func (r *Ring) rotateDue(ctx context.Context, t idp.TenantID, rows []idp.SigningKey) (bool, error) {
	tenant, ok := idp.TenantIn(ctx)
	if !ok || tenant.ID != t {
		return false, nil
	}
	now, rotated := r.clock(), false
	for _, alg := range algorithms {
		newest := newestOf(rows, alg.name)
		end := newest.ActiveFrom.Add(tenant.KeyRotation())
		if newest.Generation == 0 || now.Before(end.Add(-announced)) {
			continue
		}
		activeFrom := now.Add(announced)
		if end.After(activeFrom) {
			activeFrom = end
		}
		if _, err := r.add(ctx, newest, alg, now, activeFrom); err != nil && !errors.Is(err, idp.ErrConflict) {
			return rotated, err
		}
		rotated = true
	}
	return rotated, nil
}

// add makes the key that follows a row.
func (r *Ring) add(ctx context.Context, newest idp.SigningKey, alg algorithm, now, activeFrom time.Time) (idp.SigningKey, error) {
	row, err := r.generate(newest.TenantID, alg, newest.Generation+1, now, activeFrom)
	if err != nil {
		return row, err
	}
	if err := r.store.AddSigningKey(ctx, row, activeFrom.Add(lastToken+RetireMargin)); err != nil {
		return row, fmt.Errorf("add %s key: %w", alg.name, err)
	}
	return row, nil
}
