package op

import (
	"fmt"
	"net/http"

	"postern/idp"
)

// jwks publishes the tenant's keys (RFC 7517 §5).
func (p *Provider) jwks(w http.ResponseWriter, r *http.Request) error {
	body, err := p.keys.JWKS(r.Context(), idp.TenantOf(r.Context()).ID)
	if err != nil {
		return fmt.Errorf("key set: %w", err)
	}
	newDocument(body).write(w, r)
	return nil
}
