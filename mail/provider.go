package mail

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Provider is what is known of a mail service: where its servers are, how one
// logs in, and what keeps it from changing a mail on its way.
type Provider struct {
	Name  string // as accounts and URLs say it
	Title string // as people say it
	// Host is the server; REGION in it stands for the account's.
	Host string
	// Variants are other servers by name, such as one for Europe.
	Variants map[string]string
	// Ports are those that it listens on, the one to use first.
	Ports []int
	// User is the name that every account has there; empty if each has its own.
	User string
	// UserIsPassword: one token is both.
	UserIsPassword bool
	// Auth is how passwords are proven there.
	Auth Mechanism
	// TokenURL and Scope are for XOAUTH2; TENANT stands for the organisation.
	TokenURL, Scope string
	// LoginHint says what people get wrong about logging in there.
	LoginHint string
	// Headers keep links and mails from being rewritten to count clicks.
	Headers []Header
	// SPF is what the provider asks a sender's SPF record to include; empty where
	// it sends from a domain of its own, or gives each account another.
	SPF string
	// Rewrites are header fields that it replaces, so that no signature may cover them.
	Rewrites []string
}

// relay is the provider of every server that is none of the others.
const relay = "relay"

// sendgridFilters turns off what SendGrid does to a mail unless told. The field
// is folded at its spaces.
const sendgridFilters = `{"filters": {"clicktrack": {"settings": {"enable": 0, "enable_text": false}}, ` +
	`"opentrack": {"settings": {"enable": 0}}, "subscriptiontrack": {"settings": {"enable": 0}}}}`

var providers = []Provider{
	{ //nolint:gosec // where tokens come from is no secret
		Name: "gmail", Title: "Gmail and Google Workspace", Host: "smtp.gmail.com",
		Variants: map[string]string{"relay": "smtp-relay.gmail.com"}, Ports: []int{465, 587}, Auth: Plain,
		TokenURL:  "https://oauth2.googleapis.com/token",
		SPF:       "_spf.google.com",
		LoginHint: "an app password is wanted, not the account's own: https://myaccount.google.com/apppasswords; or XOAUTH2",
	},
	{ //nolint:gosec // as above
		Name: "microsoft365", Title: "Microsoft 365", Host: "smtp.office365.com", Ports: []int{587}, Auth: Login,
		TokenURL:  "https://login.microsoftonline.com/TENANT/oauth2/v2.0/token",
		Scope:     "https://outlook.office365.com/.default",
		SPF:       "spf.protection.outlook.com",
		LoginHint: "passwords are off for most organisations: register an app with SMTP.SendAsApp, allow it for the mailbox, and use XOAUTH2",
	},
	{
		Name: "ses", Title: "Amazon SES", Host: "email-smtp.REGION.amazonaws.com", Ports: []int{465, 587, 2465, 2587}, Auth: Plain,
		Rewrites:  []string{"Date", "Message-ID"},
		LoginHint: "SMTP credentials of this region are wanted, made in the SES console; an IAM access key is none",
	},
	{
		Name: "sendgrid", Title: "SendGrid", Host: "smtp.sendgrid.net", Ports: []int{587}, User: "apikey", Auth: Plain,
		Headers:   []Header{{"X-SMTPAPI", sendgridFilters}},
		LoginHint: "the password is an API key that may send mail; the user is the word apikey",
	},
	{
		Name: "mailgun", Title: "Mailgun", Host: "smtp.mailgun.org",
		Variants: map[string]string{"eu": "smtp.eu.mailgun.org"}, Ports: []int{465, 587, 2525}, Auth: Plain,
		Headers:   []Header{{"X-Mailgun-Track", "no"}},
		SPF:       "mailgun.org",
		LoginHint: "a user of the sending domain is wanted, such as postmaster@mg.acme.example; a domain in the EU wants mailgun://USER@eu",
	},
	{
		Name: "postmark", Title: "Postmark", Host: "smtp.postmarkapp.com", Ports: []int{587, 2525}, UserIsPassword: true, Auth: Plain,
		Headers:   []Header{{"X-PM-TrackOpens", "false"}, {"X-PM-TrackLinks", "None"}},
		LoginHint: "the server API token is user and password; SMTP must be on in the server's settings",
	},
	{
		Name: "resend", Title: "Resend", Host: "smtp.resend.com", Ports: []int{465, 587}, User: "resend", Auth: Plain,
		LoginHint: "the password is an API key; the user is the word resend",
	},
	{
		Name: "mailjet", Title: "Mailjet", Host: "in-v3.mailjet.com", Ports: []int{465, 587}, Auth: Plain,
		Headers:   []Header{{"X-Mailjet-TrackOpen", "0"}, {"X-Mailjet-TrackClick", "0"}},
		SPF:       "spf.mailjet.com",
		LoginHint: "the API key is the user, the secret key the password",
	},
	{
		Name: "brevo", Title: "Brevo", Host: "smtp-relay.brevo.com", Ports: []int{465, 587, 2525}, Auth: Plain,
		SPF:       "spf.brevo.com",
		LoginHint: "an SMTP key is wanted, not an API key; the user is the login that the SMTP page shows",
	},
	{
		Name: "fastmail", Title: "Fastmail", Host: "smtp.fastmail.com", Ports: []int{465}, Auth: Plain,
		SPF:       "spf.messagingengine.com",
		LoginHint: "an app password that may send mail is wanted, not the account's own",
	},
	{Name: relay, Title: "any other server"},
}

// Providers are those that are known by name, the plain relay last.
func Providers() []Provider { return slices.Clone(providers) }

func findProvider(name string) (Provider, bool) {
	i := slices.IndexFunc(providers, func(p Provider) bool { return p.Name == name })
	if i < 0 {
		return Provider{}, false
	}
	return providers[i], true
}

var regionPattern = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)

// server gives the host of a variant; the empty one is the usual.
func (p Provider) server(variant string) (string, error) {
	switch {
	case strings.Contains(p.Host, "REGION"):
		if !regionPattern.MatchString(variant) {
			return "", fmt.Errorf("%s wants its region, such as %s://USER@eu-central-1", p.Title, p.Name)
		}
		return strings.Replace(p.Host, "REGION", variant, 1), nil
	case variant == "":
		return p.Host, nil
	}
	if host, ok := p.Variants[variant]; ok {
		return host, nil
	}
	// What was written is not told: it may be a key that lacks its @.
	return "", fmt.Errorf("%s has no such variant: write %s", p.Title, p.example())
}

// example is how an account of the provider is written.
func (p Provider) example() string {
	user := "USER@"
	if p.User != "" || p.UserIsPassword {
		user = ""
	}
	usual := p.Name + "://" + user
	others := slices.Sorted(maps.Keys(p.Variants))
	for i, variant := range others {
		others[i] = usual + variant
	}
	return strings.Join(append([]string{usual}, others...), " or ")
}

// implicitTLS tells that a port speaks TLS from the first byte (RFC 8314 §3.3).
func implicitTLS(port int) bool { return port == 465 || port == 2465 }
