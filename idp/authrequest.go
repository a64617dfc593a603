package idp

import (
	"slices"
	"time"
)

// AuthRequest is a validated authorization request (OpenID Connect Core
// §3.1.2.1). It is sealed while nobody has posted an address, then kept with
// the flow and the grant.
type AuthRequest struct {
	ClientID      ClientID  `json:"client_id"`
	RedirectURI   string    `json:"redirect_uri"`
	ResponseMode  string    `json:"response_mode,omitempty"`
	ResponseAlg   Alg       `json:"response_alg,omitempty"` // of an answer that is signed (JARM)
	Scope         []string  `json:"scope"`
	State         string    `json:"state,omitempty"`
	Nonce         string    `json:"nonce,omitempty"`
	CodeChallenge string    `json:"code_challenge,omitempty"` // S256 only (RFC 7636 §4.2)
	Prompt        []string  `json:"prompt,omitempty"`
	MaxAge        *int64    `json:"max_age,omitempty"` // seconds
	LoginHint     string    `json:"login_hint,omitempty"`
	UILocales     []string  `json:"ui_locales,omitempty"`
	ACRValues     []string  `json:"acr_values,omitempty"`
	EssentialACR  []string  `json:"essential_acr,omitempty"`
	Subject       string    `json:"sub,omitempty"` // who must log in, by id_token_hint or claims
	Resource      []string  `json:"resource,omitempty"`
	Claims        string    `json:"claims,omitempty"` // as sent (OpenID Connect Core §5.5)
	ReceivedAt    time.Time `json:"received_at"`
	// Pushed names the pushed request that this one is, if any (RFC 9126).
	Pushed string `json:"pushed,omitempty"`
	// Device names the device's login that this is, if any (RFC 8628); it has no
	// redirect URI.
	Device string `json:"device,omitempty"`
	// DPoPKey is the thumbprint of the key that has to redeem the code (RFC 9449 §10).
	DPoPKey string `json:"dpop_jkt,omitempty"`
	// Change is what the flow is for, where that is no login; only the account page asks so.
	Change Change `json:"change,omitempty"`
}

// HasScope tells whether a scope was asked for.
func (r AuthRequest) HasScope(scope string) bool { return slices.Contains(r.Scope, scope) }

// HasPrompt tells whether a prompt value was asked for.
func (r AuthRequest) HasPrompt(prompt string) bool { return slices.Contains(r.Prompt, prompt) }

// StoredRequest is a sealed authorization request that would not fit a URL.
// It is still sealed: the store learns nothing from it.
type StoredRequest struct {
	TenantID TenantID
	ID       string
	Sealed   []byte
	Expires  time.Time
}

// PurposeAuthRequest is the purpose under which authorization requests are
// sealed: the room that validates them and the one that resumes them share it.
const PurposeAuthRequest = "authorization-request"
