package keys

import (
	"context"
	"crypto"
)

// Spares are RSA keys that were made before anybody needs one, for that takes a
// tenth of a second. Each is given out once. They are in memory alone, and no
// tenant's until they are sealed as one's.
type Spares struct{ stock chan crypto.Signer }

// NewSpares keeps up to so many ready, once it runs.
func NewSpares(most int) *Spares { return &Spares{stock: make(chan crypto.Signer, most)} }

// Run makes keys, one after the other, while some are missing, until ctx ends.
// Where none can be made, whoever needs one is told.
func (s *Spares) Run(ctx context.Context) {
	for ctx.Err() == nil {
		key, err := makeRSA(nil)
		if err != nil {
			return
		}
		select {
		case s.stock <- key:
		case <-ctx.Done():
		}
	}
}

// take gives a spare key, if there is one.
func (s *Spares) take() (crypto.Signer, bool) {
	if s == nil {
		return nil, false
	}
	select {
	case key := <-s.stock:
		return key, true
	default:
		return nil, false
	}
}
