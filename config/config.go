package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"postern/idp"
)

// Instance says where an installation keeps its things; every command takes it.
type Instance struct {
	Config        FilePath `placeholder:"FILE" help:"File with settings, as config example prints it. A flag or its variable counts more." group:"instance"`
	Data          string   `default:"./postern-data" type:"path" placeholder:"DIR" help:"Folder for the database and the master key (mode 0700)." example:"/var/lib/postern" group:"instance"`
	Database      string   `placeholder:"URL" help:"sqlite:PATH or postgres://… (default: postern.db in the data folder)." example:"postgres://postern:PASSWORD@db.example.com/postern" group:"instance"`
	MasterKeyFile string   `type:"path" placeholder:"FILE" help:"File with the master key (default: master.key in the data folder)." example:"/etc/postern/master.key" group:"instance"`
	LogLevel      string   `enum:",debug,info,warn,error" default:"" placeholder:"LEVEL" help:"debug, info, warn or error (default: warn in dev, info elsewhere)." example:"info" group:"instance"`
}

// DatabaseURL resolves the default.
func (i Instance) DatabaseURL() string {
	if i.Database != "" {
		return i.Database
	}
	return "sqlite:" + filepath.Join(i.Data, "postern.db")
}

// MasterKeyPath resolves the default.
func (i Instance) MasterKeyPath() string {
	if i.MasterKeyFile != "" {
		return i.MasterKeyFile
	}
	return filepath.Join(i.Data, "master.key")
}

// Validate checks what can be checked without touching anything.
func (i Instance) Validate() error {
	if i.Database == "" || strings.HasPrefix(i.Database, "sqlite:") ||
		strings.HasPrefix(i.Database, "postgres://") || strings.HasPrefix(i.Database, "postgresql://") {
		return nil
	}
	return errors.New("--database: use sqlite:PATH or postgres://USER@HOST/NAME")
}

// Dev is `postern dev`: everything with no set-up.
type Dev struct {
	Listen    string `default:"127.0.0.1:8080" placeholder:"ADDR" help:"Address to listen on."`
	PublicURL string `name:"public-url" placeholder:"URL" help:"Where browsers reach it (default: http:// and the listen address)."`
	SMTP      string `name:"smtp" placeholder:"URL" help:"Also send the mail for real, such as smtp://127.0.0.1:1025; several URLs, divided by spaces, are tried in this order."`
	Limits    string `default:"default" enum:"relaxed,default" help:"relaxed: every limit times 10,000, for load tests."`

	Certificates `embed:""`
}

// Validate checks what no type can.
func (d Dev) Validate() error { return d.validate(false) }

// Public is the public URL, resolved and checked.
func (d Dev) Public() (*url.URL, error) {
	if d.PublicURL == "" {
		host, port, err := net.SplitHostPort(d.Listen)
		if err != nil {
			return nil, fmt.Errorf("--listen %q: use HOST:PORT", d.Listen)
		}
		if !idp.IsLoopback(host) {
			return nil, errors.New("--listen is not a loopback address: say where browsers reach it with --public-url https://…")
		}
		return &url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)}, nil
	}
	return ParsePublicURL(d.PublicURL)
}

// TrustedProxies are loopback in dev, so that a TLS front can stand before it.
func (Dev) TrustedProxies() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// OutgoingAllowed is loopback in dev, where apps under development live.
func (d Dev) OutgoingAllowed() []netip.Prefix { return d.TrustedProxies() }

// Serve is `postern serve`: production.
type Serve struct {
	Listen    string `default:"127.0.0.1:8080" placeholder:"ADDR" help:"Address to listen on." group:"address"`
	PublicURL string `name:"public-url" required:"" placeholder:"URL" help:"Where browsers reach it, https." example:"https://login.example.com" group:"address"`
	TLSCert   string `name:"tls-cert" placeholder:"FILE" help:"Certificate and its chain, in PEM, to serve https without a proxy. Read again when it changes." example:"/etc/postern/tls/fullchain.pem" group:"address"`
	TLSKey    string `name:"tls-key" placeholder:"FILE" help:"The certificate's private key, in PEM." example:"/etc/postern/tls/privkey.pem" group:"address"`

	HSTS string `name:"hsts" default:"max-age=31536000" placeholder:"VALUE" help:"Strict-Transport-Security of every answer; none leaves it to a proxy." group:"address"`

	DrainDelay time.Duration `default:"5s" placeholder:"TIME" help:"How long it still serves after SIGTERM, with /readyz at 503, so that a load balancer sends no more." group:"address"`

	SMTP     string `name:"smtp" placeholder:"URL" help:"Mail server: smtp://USER:PASSWORD@HOST:587 (STARTTLS), smtps://… (TLS) or a provider such as sendgrid://?password-file=FILE; several, divided by spaces, are tried in this order, after those of mail set --instance." example:"smtp://USER:PASSWORD@smtp.example.com:587" group:"mail"`
	MailFrom string `required:"" placeholder:"ADDRESS" help:"Sender of the mails of tenants that have none of their own." example:"no-reply@example.com" group:"mail"`

	Proxies  []netip.Prefix `name:"trusted-proxy" placeholder:"CIDR" help:"Networks whose X-Forwarded-For and X-Forwarded-Host count." example:"10.0.0.0/8" group:"network"`
	Outgoing []netip.Prefix `name:"outgoing-allow" placeholder:"CIDR" help:"Networks inside that clients' documents may be fetched from, such as 10.0.0.0/8; public ones always may." example:"10.0.0.0/8" group:"network"`

	MetricsListen string `placeholder:"ADDR" help:"Address to serve /metrics on, and /healthz and /readyz, for nobody else to reach (default: they are not served)." example:"127.0.0.1:9090" group:"watch"`
	OTLPEndpoint  string `name:"otlp-endpoint" placeholder:"URL" help:"Where traces go, by OTLP over HTTP; variables of OpenTelemetry (OTEL_…) say more (default: as they say)." example:"http://127.0.0.1:4318" group:"watch"`

	Certificates `embed:""`
}

// Public is the public URL, checked.
func (s Serve) Public() (*url.URL, error) {
	u, err := ParsePublicURL(s.PublicURL)
	if err == nil && u.Scheme != "https" {
		return nil, errors.New("--public-url: serve mails links over https only; put TLS in front and say https://…")
	}
	return u, err
}

// Validate checks what no type can.
func (s Serve) Validate() error {
	switch {
	case s.TLSCert != "" && s.TLSKey == "":
		return errors.New("--tls-cert needs its private key: name it with --tls-key")
	case s.TLSKey != "" && s.TLSCert == "":
		return errors.New("--tls-key needs its certificate: name it with --tls-cert")
	case s.HSTS != noHSTS && !validHSTS.MatchString(s.HSTS):
		return errors.New("--hsts: max-age=SECONDS, then ; includeSubDomains and ; preload if you mean it; or none")
	case s.DrainDelay < 0 || s.DrainDelay > time.Minute:
		return errors.New("--drain-delay: 0s to 1m")
	}
	return s.validate(s.TLSCert != "")
}

const noHSTS = "none"

var validHSTS = regexp.MustCompile(`^max-age=\d{1,10}(; includeSubDomains)?(; preload)?$`)

// StrictTransport is the value of Strict-Transport-Security (RFC 6797 §6.1),
// empty where none is to be sent.
func (s Serve) StrictTransport() string {
	if s.HSTS == noHSTS {
		return ""
	}
	return s.HSTS
}

// ParsePublicURL reads an origin: https, or http on loopback.
func ParsePublicURL(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, fmt.Errorf("--public-url %q: use a URL such as https://login.example.com", text)
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.ContainsAny(text, "?#"):
		return nil, fmt.Errorf("--public-url %q: scheme, host and port only", text)
	case u.Scheme == "https", u.Scheme == "http" && idp.IsLoopback(u.Hostname()):
		return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host)}, nil
	default:
		return nil, fmt.Errorf("--public-url %q: links are mailed over https only, so use https (http only on loopback)", text)
	}
}
