package op

import (
	"fmt"
	"net/http"

	"postern/idp"
)

// jwks publishes the tenant's keys (RFC 7517 §5). The ring says which they are
// now; the document of the same keys is made once.
func (p *Provider) jwks(w http.ResponseWriter, r *http.Request) error {
	body, err := p.keys.JWKS(r.Context(), idp.TenantOf(r.Context()).ID)
	if err != nil {
		return fmt.Errorf("key set: %w", err)
	}
	doc, err := p.keySets.of(string(body), func() ([]byte, error) { return body, nil })
	if err != nil {
		return fmt.Errorf("key set: %w", err)
	}
	doc.write(w, r)
	return nil
}
