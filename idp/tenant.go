package idp

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// Tenant is an island: own issuer, keys, users, clients, mail and limits.
type Tenant struct {
	ID   TenantID
	Slug string
	Name string
	// Host, if set, is the tenant's own host name (with a port where it is not
	// 443) and its issuer is https://Host.
	Host string
	// Root serves the tenant at the root of the public URL instead of /t/Slug.
	Root      bool
	Settings  TenantSettings
	CreatedAt time.Time
}

// TenantSettings are what a tenant's operator may tune. The zero value of each
// is the default.
type TenantSettings struct {
	SignUp SignUp `json:"sign_up,omitempty"`
	// AllowedDomains, if any, are the only ones whose addresses get an account
	// without an invitation; BlockedDomains never do.
	AllowedDomains Domains  `json:"allowed_domains,omitempty"`
	BlockedDomains Domains  `json:"blocked_domains,omitempty"`
	PKCE           PKCE     `json:"pkce,omitempty"`
	LinkLife       Duration `json:"link_life,omitempty"` // 2 to 60 minutes
	Locale         string   `json:"locale,omitempty"`
	Mail           MailFrom `json:"mail,omitzero"`
	// MailSetup names the MailSetup of the tenant's own; empty where it has none.
	MailSetup string `json:"mail_setup,omitempty"`
	// OpenRegistration lets anyone register a client (RFC 7591) without a token; dev only.
	OpenRegistration bool `json:"open_registration,omitempty"`
	// TokenRegistration lets holders of an initial access token register clients.
	TokenRegistration bool `json:"token_registration,omitempty"`
	// TrustRegistered makes clients that register themselves first-party: people are
	// not asked for consent.
	TrustRegistered bool `json:"trust_registered,omitempty"`
	// ClientDocuments lets any client in whose id is the URL of its metadata.
	ClientDocuments bool `json:"client_documents,omitempty"`
	// DemoClaims gives every new user a made-up profile; dev only.
	DemoClaims bool `json:"demo_claims,omitempty"`
	// APIs are the resource servers that access tokens may be for.
	APIs []API `json:"apis,omitempty"`
	// KeyRotation is how long signing keys are used before the next take over.
	KeyRotation Duration `json:"key_rotation,omitempty"`
	// SessionLife is how long a browser stays signed in after a login.
	SessionLife Duration `json:"session_life,omitempty"`
	// RefreshLife is how long refresh tokens may follow each other after a login.
	RefreshLife Duration `json:"refresh_life,omitempty"`
	// Limits are figures of the tenant's own.
	Limits TenantLimits `json:"limits,omitzero"`
	// Work is when bots are kept off by work.
	Work Work `json:"work,omitempty"`
	// Brand is what people see of the tenant beside its name.
	Brand Brand `json:"brand,omitzero"`
}

// MailFrom is the sender that a tenant's mails show; empty is the instance's.
type MailFrom struct {
	Address Address `json:"address,omitempty"`
	Name    string  `json:"name,omitempty"`
}

// SignUp says who may get an account by signing in.
type SignUp string

// Sign-up policies. The zero value is open.
const (
	SignUpOpen    SignUp = ""
	SignUpInvited SignUp = "invited"
)

// PKCE says whether RFC 7636 is required of confidential clients; public ones always need it.
type PKCE string

// PKCE policies. The zero value defers: a client to its tenant, a tenant to optional.
const (
	PKCEDefault  PKCE = ""
	PKCERequired PKCE = "required"
	PKCEOptional PKCE = "optional"
)

// Lives of what a login makes.
const (
	DefaultLinkLife = 10 * time.Minute
	MinLinkLife     = 2 * time.Minute
	MaxLinkLife     = 60 * time.Minute
	// FlowGrace is how long a flow outlives its last link.
	FlowGrace = 5 * time.Minute
	// RequestLife is how long a sealed authorization request waits for an address.
	RequestLife = 15 * time.Minute
	// TombstoneLife is how long a spent or expired link can still say so.
	TombstoneLife = 7 * 24 * time.Hour
)

// LinkLife is how long a link of this tenant is good, from its sending.
func (t Tenant) LinkLife() time.Duration {
	return between(MinLinkLife, t.Settings.LinkLife, MaxLinkLife, DefaultLinkLife)
}

// Bounds of how long signing keys are used.
const (
	DefaultKeyRotation = 90 * 24 * time.Hour
	MinKeyRotation     = 24 * time.Hour
	MaxKeyRotation     = 5 * 365 * 24 * time.Hour
)

// KeyRotation is how long this tenant's signing keys are used.
func (t Tenant) KeyRotation() time.Duration {
	return between(MinKeyRotation, t.Settings.KeyRotation, MaxKeyRotation, DefaultKeyRotation)
}

// Bounds of how long a browser stays signed in. Browsers keep no cookie for longer
// than the most.
const (
	MinSessionLife = 5 * time.Minute
	MaxSessionLife = 400 * 24 * time.Hour
)

// SessionLife is how long a browser stays signed in to this tenant after a login.
func (t Tenant) SessionLife() time.Duration {
	return between(MinSessionLife, t.Settings.SessionLife, MaxSessionLife, SessionLife)
}

// Bounds of how long refresh tokens may follow each other.
const (
	DefaultRefreshLife = 365 * 24 * time.Hour
	MinRefreshLife     = time.Hour
	MaxRefreshLife     = 5 * 365 * 24 * time.Hour
)

// RefreshLife is how long an app of this tenant stays signed in by refresh tokens
// after a login, however often it uses them.
func (t Tenant) RefreshLife() time.Duration {
	return between(MinRefreshLife, t.Settings.RefreshLife, MaxRefreshLife, DefaultRefreshLife)
}

// FirstRefreshExpires is when the first refresh token of a login of now expires.
func (t Tenant) FirstRefreshExpires(now time.Time) time.Time {
	return now.Add(min(RefreshTokenLife, t.RefreshLife()))
}

// Registers tells whether clients can register themselves here at all.
func (t Tenant) Registers() bool { return t.Settings.OpenRegistration || t.Settings.TokenRegistration }

// FlowLife is how long a flow of this tenant may take in all.
func (t Tenant) FlowLife() time.Duration { return t.LinkLife() + FlowGrace }

// Issuer is the tenant's issuer identifier under the instance's public URL,
// which has no trailing slash. It comes from the row, never from a request.
func (t Tenant) Issuer(publicURL string) string {
	switch {
	case t.Host != "":
		return "https://" + t.Host
	case t.Root:
		return publicURL
	default:
		return publicURL + "/t/" + t.Slug
	}
}

var (
	slugPattern = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$`)
	hostPattern = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?$`)
)

// Validate tells what is wrong with the tenant, in words for its operator.
func (t Tenant) Validate() error {
	if !slugPattern.MatchString(t.Slug) {
		return fmt.Errorf("slug %q: use 1 to 63 of a-z, 0-9 and -, not at the ends", t.Slug)
	}
	if err := ValidName(t.Name); err != nil {
		return fmt.Errorf("name: %w", err)
	}
	if t.Host != "" && !hostPattern.MatchString(t.Host) {
		return fmt.Errorf("host %q: a lower-case host name, with a port if it is not 443", t.Host)
	}
	if t.Host != "" && t.Root {
		return errors.New("a tenant has a host of its own or serves at the root, not both")
	}
	return t.Settings.validate()
}

func (s TenantSettings) validate() error {
	if s.SignUp != SignUpOpen && s.SignUp != SignUpInvited {
		return fmt.Errorf("sign-up %q: open or invited", s.SignUp)
	}
	if s.PKCE != PKCEDefault && s.PKCE != PKCERequired && s.PKCE != PKCEOptional {
		return fmt.Errorf("pkce %q: required or optional", s.PKCE)
	}
	if life := time.Duration(s.LinkLife); life != 0 && (life < MinLinkLife || life > MaxLinkLife) {
		return fmt.Errorf("link life %s: 2 to 60 minutes", life)
	}
	if period := time.Duration(s.KeyRotation); period != 0 && (period < MinKeyRotation || period > MaxKeyRotation) {
		return fmt.Errorf("key rotation %s: 24h to %dh", period, MaxKeyRotation/time.Hour)
	}
	if life := time.Duration(s.SessionLife); life != 0 && (life < MinSessionLife || life > MaxSessionLife) {
		return fmt.Errorf("session life %s: 5m to %dh", life, MaxSessionLife/time.Hour)
	}
	if life := time.Duration(s.RefreshLife); life != 0 && (life < MinRefreshLife || life > MaxRefreshLife) {
		return fmt.Errorf("refresh life %s: 1h to %dh", life, MaxRefreshLife/time.Hour)
	}
	for _, err := range []error{validAPIs(s.APIs), s.validDomains(), s.Limits.validate(), s.Work.validate(), s.Brand.validate()} {
		if err != nil {
			return err
		}
	}
	if s.Mail.Name != "" {
		return ValidName(s.Mail.Name)
	}
	return nil
}

var looksLikeURL = regexp.MustCompile(`(?i)://|\bwww\.|[a-z0-9]\.[a-z]{2,}`)

// maxName is how many characters a display name has at most.
const maxName = 64

// ValidName refuses display names that could speak for someone else in a mail
// or on a page: over 64 characters, control or direction characters, or
// anything a mail client would turn into a link.
func ValidName(name string) error {
	switch {
	case strings.TrimSpace(name) == "" || strings.TrimSpace(name) != name:
		return errors.New("must not be empty or begin or end with a space")
	case len([]rune(name)) > maxName:
		return fmt.Errorf("at most %d characters", maxName)
	case looksLikeURL.MatchString(name):
		return errors.New("must not hold a web address")
	}
	for _, r := range name {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar || r == '\u2028' || r == '\u2029' {
			return fmt.Errorf("must not hold the character %U", r)
		}
	}
	return nil
}

// Duration is a time.Duration that JSON holds as text, such as "10m0s".
type Duration time.Duration

// MarshalText writes the duration as time.Duration prints it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration takes.
func (d *Duration) UnmarshalText(b []byte) error {
	parsed, err := time.ParseDuration(string(b))
	*d = Duration(parsed)
	return err
}

// between is a setting within its bounds, or what it is where nothing is set.
func between(least time.Duration, set Duration, most, unset time.Duration) time.Duration {
	if set == 0 {
		return unset
	}
	return min(max(time.Duration(set), least), most)
}

type tenantKey struct{}

// WithTenant puts the tenant that the request was made to into its context.
func WithTenant(ctx context.Context, t Tenant) context.Context {
	return context.WithValue(ctx, tenantKey{}, t)
}

// TenantIn gives the tenant of a context, if there is one: a command has none.
func TenantIn(ctx context.Context) (Tenant, bool) {
	t, ok := ctx.Value(tenantKey{}).(Tenant)
	return t, ok
}

// TenantOf gives the tenant of a request's context. The router's guard has put
// it there before any handler runs; without it there is a fault in the wiring.
func TenantOf(ctx context.Context) Tenant {
	t, ok := ctx.Value(tenantKey{}).(Tenant)
	if !ok {
		panic("idp: handler reached without a tenant")
	}
	return t
}
