package idp

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// ExchangePolicy is what a client may exchange tokens for (RFC 8693). The zero
// value is nothing: only what an operator names is allowed.
type ExchangePolicy struct {
	// From are audiences whose tokens the client may present, as a service does
	// with what it was called by: resources of the tenant's APIs, or client ids.
	// Those issued to the client itself it may present in any case.
	From []string `json:"exchange_from,omitempty"`
	// For are the resources of the APIs that it may get tokens for.
	For []string `json:"exchange_for,omitempty"`
	// Mode says whether its tokens name it as the one who acts.
	Mode ExchangeMode `json:"exchange_mode,omitempty"`
}

// ExchangeMode says whom an exchanged token speaks of (RFC 8693 §1.1).
type ExchangeMode string

// Exchange modes. The zero value is ExchangeDelegation: a token names its person,
// and who acts for them. One of ExchangeImpersonation names the person alone.
const (
	ExchangeDefault       ExchangeMode = ""
	ExchangeDelegation    ExchangeMode = "delegation"
	ExchangeImpersonation ExchangeMode = "impersonation"
)

// maxExchanges bounds each list of a policy.
const maxExchanges = 50

// MayExchange tells whether the client may exchange tokens for those of all these
// resources.
func (c Client) MayExchange(resources []string) bool {
	return c.AllowsGrant(GrantTokenExchange) && len(resources) > 0 &&
		!slices.ContainsFunc(resources, func(one string) bool { return !slices.Contains(c.Metadata.For, one) })
}

// MayPresent tells whether the client may present a token that was issued to a
// client, for an audience.
func (c Client) MayPresent(issuedTo ClientID, audience []string) bool {
	return issuedTo == c.ID || slices.ContainsFunc(audience, func(one string) bool { return slices.Contains(c.Metadata.From, one) })
}

// Impersonates tells whether its tokens may leave out who acts.
func (p ExchangePolicy) Impersonates() bool { return p.Mode == ExchangeImpersonation }

// validateExchange refuses a policy that would do nothing.
func (m ClientMetadata) validateExchange() error {
	p := m.ExchangePolicy
	switch {
	case p.Mode != ExchangeDefault && p.Mode != ExchangeDelegation && p.Mode != ExchangeImpersonation:
		return fmt.Errorf("exchange mode %q: delegation or impersonation", p.Mode)
	case len(p.From) > maxExchanges || len(p.For) > maxExchanges:
		return fmt.Errorf("token exchange: at most %d audiences from which and resources for which", maxExchanges)
	case len(p.For) == 0 && (len(p.From) > 0 || p.Mode != ExchangeDefault):
		return errors.New("token exchange: name the resources that it may get tokens for (exchange_for)")
	case len(p.For) > 0 && !slices.Contains(m.GrantTypes, GrantTokenExchange):
		return errors.New("token exchange needs the grant type " + GrantTokenExchange)
	}
	return nil
}

// Exchange presents a token of a grant for another token (RFC 8693 §2.1).
type Exchange struct {
	TenantID TenantID
	GrantID  GrantID
	// ClientID is who exchanges, Detail what the audit event says of it.
	ClientID ClientID
	Detail   string
	// Once is noted in the same step; ErrReplayed if it was before.
	Once Once
	Now  time.Time
}
