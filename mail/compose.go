package mail

import (
	"fmt"
	"net/url"
	"time"

	"postern/idp"
	"postern/templates"
)

// Templates gives a mail its words.
type Templates interface {
	Mail(locale string, m templates.LoginMail) (templates.Composed, error)
}

// composer makes login mails.
type composer struct {
	templates Templates
	publicURL string
	from      idp.MailFrom // of the instance
}

// compose makes the mail that carries a link, good for life.
func (c composer) compose(claimed idp.ClaimedMail, link idp.Credential, life time.Duration, now time.Time) (Message, error) {
	address, host, err := c.linkURL(claimed.Tenant, link)
	if err != nil {
		return Message{}, err
	}
	words, err := c.templates.Mail(claimed.Flow.Locale, templates.LoginMail{
		Client:  claimed.Client.Metadata.Name,
		Tenant:  claimed.Tenant.Name,
		Link:    address,
		Host:    host,
		Life:    life,
		Asked:   claimed.Entry.CreatedAt,
		Browser: claimed.Flow.Asked.Browser,
		Network: claimed.Flow.Asked.Network,
		Brand:   claimed.Tenant.Settings.Brand,
	})
	if err != nil {
		return Message{}, fmt.Errorf("mail: compose: %w", err)
	}
	from := c.sender(claimed.Tenant)
	return Message{
		From:    from,
		To:      claimed.Flow.Address,
		Subject: words.Subject,
		Text:    words.Text,
		HTML:    words.HTML,
		Headers: []Header{
			{"Auto-Submitted", "auto-generated"}, // RFC 3834 §5
			{"X-Auto-Response-Suppress", "All"},
		},
		// One id for every attempt, so that a mailbox which got two copies can tell.
		MessageID: string(claimed.Entry.ID) + "@" + from.Address.Domain(),
		Date:      now,
		Link:      address,
		TenantID:  claimed.Tenant.ID,
		Setup:     claimed.Tenant.Settings.MailSetup,
	}, nil
}

func (c composer) linkURL(t idp.Tenant, link idp.Credential) (address, host string, err error) {
	issuer := t.Issuer(c.publicURL)
	u, err := url.Parse(issuer)
	if err != nil {
		return "", "", fmt.Errorf("mail: issuer: %w", err)
	}
	if err := checkIssuer(u); err != nil {
		return "", "", err
	}
	return issuer + "/auth/verify?token=" + link.Reveal(), u.Host, nil
}

// checkIssuer refuses links that would carry a token over a network in the clear.
func checkIssuer(u *url.URL) error {
	if u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !idp.IsLoopback(u.Hostname())) {
		return fmt.Errorf("mail: a link under %q: only https, or http on loopback", u.Redacted())
	}
	return nil
}

// sender is the tenant's own, or the instance's; a name alone goes with the
// instance's address.
func (c composer) sender(t idp.Tenant) idp.MailFrom {
	from := t.Settings.Mail
	if from.Address == "" {
		from.Address = c.from.Address
		if from.Name == "" {
			from.Name = c.from.Name
		}
	}
	return from
}
