package mail

import (
	"time"

	"postern/idp"
)

// Preview makes the mail that a tenant's person would get from a client, in a
// language. Its link leads nowhere: it is kept by nobody.
func Preview(words Templates, publicURL string, from idp.MailFrom, t idp.Tenant, client, locale string, to idp.Address, now time.Time) (Message, error) {
	c := composer{templates: words, publicURL: publicURL, from: from}
	claimed := idp.ClaimedMail{
		Entry:  idp.OutboxEntry{TenantID: t.ID, ID: idp.OutboxID(idp.NewID(now)), CreatedAt: now},
		Tenant: t,
		Client: idp.Client{TenantID: t.ID, Metadata: idp.ClientMetadata{Name: client}},
		Flow: idp.Flow{
			TenantID: t.ID, Address: to, Locale: locale,
			Asked: idp.Device{Browser: "Firefox on Linux", Network: "192.0.2.x"},
		},
	}
	return c.compose(claimed, idp.NewCredential(idp.NewID(now)), t.LinkLife(), now)
}
