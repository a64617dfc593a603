package keys

import "postern/idp"

// Ready is how many spare keys there are.
func (s *Spares) Ready() int { return len(s.stock) }

// NewKID makes a key and gives its id.
func NewKID(name idp.Alg) (string, error) {
	alg, err := algorithmOf(name)
	if err != nil {
		return "", err
	}
	_, jwk, err := new(Ring).make(alg)
	return jwk.KeyID, err
}
