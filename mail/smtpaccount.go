package mail

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"

	"postern/idp"
)

// Account is one way to send: a server, and who we are to it. Its JSON holds
// secrets and is kept sealed.
type Account struct {
	// Name tells a tenant's accounts apart.
	Name     string      `json:"name"`
	Provider string      `json:"provider"`
	Host     string      `json:"host"`
	Port     int         `json:"port"`
	TLS      TLSMode     `json:"tls"`
	User     string      `json:"user,omitempty"`
	Password Secret      `json:"password,omitempty"`
	Auth     Mechanism   `json:"auth,omitempty"`
	OAuth    *OAuth      `json:"oauth,omitempty"`
	From     idp.Address `json:"from,omitempty"` // the sender, where it is not the tenant's
}

// OAuth is how an account gets its access tokens (RFC 6749): by its refresh
// token if it has one (§6), else by the client's own credentials (§4.4).
type OAuth struct {
	TokenURL     string `json:"token_url"`
	ClientID     string `json:"client_id"`
	ClientSecret Secret `json:"client_secret,omitempty"`
	RefreshToken Secret `json:"refresh_token,omitempty"`
	Scope        string `json:"scope,omitempty"`
}

// Secret is a text that no log and no formatting shows.
type Secret string

// String is what every verb of fmt prints, but for %#v.
func (Secret) String() string { return "(secret)" }

// GoString is what %#v prints.
func (Secret) GoString() string { return "(secret)" }

// LogValue is what slog writes.
func (Secret) LogValue() slog.Value { return slog.StringValue("(secret)") }

// TLSMode is how a connection is protected.
type TLSMode string

// TLS modes. Whatever a server says, none of the first two falls back.
const (
	StartTLS    TLSMode = "starttls" // RFC 3207
	ImplicitTLS TLSMode = "implicit" // RFC 8314
	NoTLS       TLSMode = "none"     // loopback only
)

// Mechanism is how an account logs in (RFC 4954).
type Mechanism string

// Mechanisms. CRAM-MD5 and NTLM are none of them: they prove little and are
// offered by servers that have something better.
const (
	NoAuth          Mechanism = ""
	Plain           Mechanism = "plain"              // RFC 4616
	Login           Mechanism = "login"              // what came before PLAIN
	ScramSHA256     Mechanism = "scram-sha-256"      // RFC 7677; the next one where it is offered
	ScramSHA256Plus Mechanism = "scram-sha-256-plus" // bound to the TLS connection
	XOAuth2         Mechanism = "xoauth2"
)

// Server names host and port.
func (a Account) Server() string { return net.JoinHostPort(a.Host, strconv.Itoa(a.Port)) }

// ShownUser is the user as it may be shown: of some providers it is the secret.
func (a Account) ShownUser() string {
	if a.provider().UserIsPassword {
		return ""
	}
	return a.User
}

// SPF is what the account's provider asks the sender's SPF record to include, if anything.
func (a Account) SPF() string { return a.provider().SPF }

// provider gives what is known of the account's service.
func (a Account) provider() Provider {
	p, _ := findProvider(a.Provider)
	return p
}

// Validate tells what is wrong with the account, in words for who wrote it. It
// never quotes a secret.
func (a Account) Validate() error {
	p, known := findProvider(a.Provider)
	switch {
	case !known:
		return fmt.Errorf("provider %q is not known", a.Provider)
	case a.Host == "" || strings.ContainsAny(a.Host, " /\r\n"):
		return errors.New("which server? smtp://HOST, or a provider such as sendgrid://")
	case a.Port < 1 || a.Port > 65535:
		return fmt.Errorf("port %d", a.Port)
	case a.From != "" && !canonical(a.From):
		return errors.New("the sender is no address")
	case strings.ContainsAny(a.User, "\x00\r\n") || strings.ContainsAny(string(a.Password), "\x00\r\n"):
		return errors.New("user and password must be one line")
	}
	if err := a.validTLS(); err != nil {
		return err
	}
	return a.validAuth(p)
}

func (a Account) validTLS() error {
	switch a.TLS {
	case StartTLS, ImplicitTLS:
		return nil
	case NoTLS:
		if idp.IsLoopback(a.Host) {
			return nil
		}
		return errors.New("without TLS only on loopback: anyone on the way could read the links")
	default:
		return errors.New("tls: starttls, implicit or none")
	}
}

func (a Account) validAuth(p Provider) error {
	switch a.Auth {
	case NoAuth:
		if a.Provider == relay || a.Host != p.Host && a.Provider == "gmail" { // Google's relay knows its users by address
			return nil
		}
		return fmt.Errorf("%s wants a login", p.Title)
	case Plain, Login, ScramSHA256, ScramSHA256Plus:
		if a.User == "" || a.Password == "" {
			return fmt.Errorf("%s wants a user and a password", p.Title)
		}
		return nil
	case XOAuth2:
		return a.OAuth.validate(a.User)
	default:
		return errors.New("auth: plain, login, scram-sha-256, scram-sha-256-plus or xoauth2")
	}
}

func (o *OAuth) validate(user string) error {
	switch {
	case user == "":
		return errors.New("XOAUTH2 wants the mailbox as user")
	case o == nil || o.ClientID == "":
		return errors.New("XOAUTH2 wants client-id")
	case o.ClientSecret == "" && o.RefreshToken == "":
		return errors.New("XOAUTH2 wants a client secret, a refresh token, or both")
	}
	u, err := url.Parse(o.TokenURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !idp.IsLoopback(u.Hostname())) {
		return errors.New("XOAUTH2 wants an https token-url (for Microsoft 365, tenant-id does)")
	}
	return nil
}

func canonical(a idp.Address) bool {
	parsed, err := idp.ParseAddress(string(a))
	return err == nil && parsed == a
}
