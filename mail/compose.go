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
	Notice(locale string, m templates.NoticeMail) (templates.Composed, error)
}

// composer makes login mails.
type composer struct {
	templates Templates
	publicURL string
	from      idp.MailFrom // of the instance
}

// compose makes the mail that carries a link, good for life; or, for an address
// that was replaced, the one that tells so, which carries none.
func (c composer) compose(claimed idp.ClaimedMail, link idp.Credential, life time.Duration, now time.Time) (Message, error) {
	address, words, err := c.words(claimed, link, life)
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

// words gives what a mail says, and the link in it.
func (c composer) words(claimed idp.ClaimedMail, link idp.Credential, life time.Duration) (address string, words templates.Composed, err error) {
	t, f := claimed.Tenant, claimed.Flow
	if f.Request.Change == idp.ChangeNotice {
		words, err = c.templates.Notice(f.Locale, templates.NoticeMail{Tenant: t.Name, At: claimed.Entry.CreatedAt, Brand: t.Settings.Brand})
		return "", words, err
	}
	address, host, err := c.linkURL(t, link)
	if err != nil {
		return "", templates.Composed{}, err
	}
	words, err = c.templates.Mail(f.Locale, templates.LoginMail{
		Client: claimed.Client.Metadata.Name, Tenant: t.Name, Link: address, Host: host, Life: life,
		Asked: claimed.Entry.CreatedAt, Browser: f.Asked.Browser, Network: f.Asked.Network, Brand: t.Settings.Brand,
		Change: f.Request.Change == idp.ChangeAddress,
	})
	return address, words, err
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
