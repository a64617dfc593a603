package keys

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/idp"
)

// keySet is a tenant's keys as they were when they were read. It never changes.
type keySet struct {
	read time.Time
	keys []*key // newest generation first within each algorithm
	jwks []byte
}

// newKeySet opens rows; what the former set has opened already is taken from there.
func newKeySet(box *Box, rows []idp.SigningKey, former *keySet, now time.Time) (*keySet, error) {
	set := &keySet{read: now}
	published := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, alg := range algorithms {
		for _, row := range rows {
			if row.Alg != alg.name {
				continue
			}
			k, err := former.reuse(box, row)
			if err != nil {
				return nil, fmt.Errorf("signing key %s of tenant %s: %w", row.KID, row.TenantID, err)
			}
			set.insert(k)
			published.Keys = append(published.Keys, k.jwk)
		}
	}
	encoded, err := json.Marshal(published)
	if err != nil {
		return nil, fmt.Errorf("encode key set: %w", err)
	}
	set.jwks = encoded
	return set, nil
}

// reuse opens a row, or takes its key from this set with the row's new times.
func (s *keySet) reuse(box *Box, row idp.SigningKey) (*key, error) {
	if s != nil {
		if k := s.find(row.KID); k != nil && k.row.TenantID == row.TenantID && k.row.Alg == row.Alg {
			again := *k
			again.row = row
			return &again, nil
		}
	}
	return open(box, row)
}

func (s *keySet) insert(k *key) {
	at := len(s.keys)
	for at > 0 && s.keys[at-1].alg.name == k.alg.name && s.keys[at-1].row.Generation < k.row.Generation {
		at--
	}
	s.keys = append(s.keys, nil)
	copy(s.keys[at+1:], s.keys[at:])
	s.keys[at] = k
}

func (s *keySet) find(kid string) *key {
	for _, k := range s.keys {
		if k.row.KID == kid {
			return k
		}
	}
	return nil
}

// newest is the newest key of an algorithm, active or not; nil if there is none.
func (s *keySet) newest(alg idp.Alg) *key {
	for _, k := range s.keys {
		if k.alg.name == alg {
			return k
		}
	}
	return nil
}

// active is the newest key of an algorithm that signing has begun with. A clock
// that is behind the one that made the first key gets the oldest there is.
func (s *keySet) active(alg idp.Alg, now time.Time) *key {
	var oldest *key
	for _, k := range s.keys {
		if k.alg.name != alg {
			continue
		}
		if !k.row.ActiveFrom.After(now) {
			return k
		}
		oldest = k
	}
	return oldest
}
