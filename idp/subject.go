package idp

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
)

// SubjectType says whether clients see the same sub for a person (OpenID
// Connect Core §8).
type SubjectType string

// Subject types. The zero value is public.
const (
	SubjectDefault  SubjectType = ""
	SubjectPublic   SubjectType = "public"
	SubjectPairwise SubjectType = "pairwise"
)

// MACer is a keyed hash under a key that is not in the database, one for each
// tenant and purpose.
type MACer interface {
	MAC(t TenantID, purpose string, parts ...[]byte) [32]byte
}

// purposePairwise is what pairwise subjects are made under.
const purposePairwise = "pairwise-subject"

// SubjectAt is the sub that a client sees of a user: the user's own, or one
// that only clients of the same sector share (OpenID Connect Core §8.1). Every
// sub that leaves or comes in is this one.
func (u User) SubjectAt(c Client, m MACer) string {
	if c.Metadata.SubjectType != SubjectPairwise {
		return u.Subject
	}
	mac := m.MAC(u.TenantID, purposePairwise, []byte(c.Metadata.sector()), []byte(u.Subject))
	return base64.RawURLEncoding.EncodeToString(mac[:])
}

// Admits tells whether a request lets this user log in: it names nobody, or
// the one whom the client knows by that sub.
func (r AuthRequest) Admits(u User, c Client, m MACer) bool {
	return r.Subject == "" || r.Subject == u.SubjectAt(c, m)
}

// sector is the host that pairwise subjects are computed for: that of the
// sector identifier URI, or the one that all redirect URIs share.
func (m ClientMetadata) sector() string {
	uri := m.SectorIdentifierURI
	if uri == "" && len(m.RedirectURIs) > 0 {
		uri = m.RedirectURIs[0]
	}
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func (m ClientMetadata) validateSubject() error {
	switch m.SubjectType {
	case SubjectDefault, SubjectPublic:
		return nil
	case SubjectPairwise:
	default:
		return fmt.Errorf("subject type %q: public or pairwise", m.SubjectType)
	}
	if m.sector() == "" {
		return errors.New("pairwise subjects need a redirect URI or a sector identifier URI with a host")
	}
	for _, uri := range m.RedirectURIs {
		other := ClientMetadata{RedirectURIs: []string{uri}}
		if m.SectorIdentifierURI == "" && other.sector() != m.sector() {
			return errors.New("redirect URIs of more than one host need a sector identifier URI for pairwise subjects")
		}
	}
	return nil
}
