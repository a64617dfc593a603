package op

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"postern/idp"
)

// token is the token endpoint (RFC 6749 §3.2).
func (p *Provider) token(w http.ResponseWriter, r *http.Request) error {
	if err := checkCall(w, r); err != nil {
		return err
	}
	key, err := p.prove(r, pathToken, "")
	if err != nil {
		return err
	}
	callOf(r.Context()).key = key
	return p.parse(w, r, pathToken)
}

func invalidGrant(description string) *refusal { return refuse("invalid_grant", "%s", description) }

// grantError maps what a store says of a code or refresh token. What exactly is
// wrong is for the log alone (RFC 6749 §5.2).
func grantError(err error, description string) error {
	if errors.Is(err, idp.ErrReplayed) {
		return replayed(err)
	}
	for _, known := range []error{idp.ErrNotFound, idp.ErrMismatch, idp.ErrExpired, idp.ErrUsed} {
		if errors.Is(err, known) {
			return invalidGrant(description).because(err)
		}
	}
	return err
}

// narrowed checks, before a code or refresh token is spent, that what is asked
// for is within what was granted, so that a wrong question costs nothing.
func (p *Provider) narrowed(ctx context.Context, id string, c idp.Client, scope, resource []string) error {
	if len(scope) == 0 && len(resource) == 0 {
		return nil
	}
	g, _, err := p.store.FindGrant(ctx, idp.TenantOf(ctx).ID, idp.GrantID(id), p.clock())
	if errors.Is(err, idp.ErrNotFound) || err == nil && g.ClientID != c.ID {
		return nil // spending it will say what is wrong
	}
	if err != nil {
		return fmt.Errorf("find grant: %w", err)
	}
	if !within(scope, g.Request.Scope) {
		return refuse("invalid_scope", "scope goes beyond what was granted")
	}
	if !within(resource, g.Request.Resource) {
		return invalidTarget("resource goes beyond what was granted")
	}
	return nil
}

func within(asked, granted []string) bool {
	for _, one := range asked {
		if !slices.Contains(granted, one) {
			return false
		}
	}
	return true
}

// or gives what was asked for, or all where nothing was.
func or(asked, granted []string) []string {
	if len(asked) > 0 {
		return asked
	}
	return granted
}
