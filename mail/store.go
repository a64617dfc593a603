package mail

import (
	"context"
	"time"

	"postern/idp"
)

// Store is what the worker asks of the outbox. Each method is one atomic step.
type Store interface {
	// ClaimMail takes the lease of an entry that is queued and due, or claimed
	// with a lapsed lease, counts an attempt, and gives all that sending needs.
	// idp.ErrNotFound if it is someone else's, done, not due, or past its Expires.
	ClaimMail(ctx context.Context, ref idp.MailRef, lease time.Duration, now time.Time) (idp.ClaimedMail, error)
	// BeginSending writes the link and moves the entry from claimed to sending,
	// committed before any of the mail's data leaves: idp.ErrUsed if the entry is
	// not claimed by this attempt any more, or its flow not asked any more.
	BeginSending(ctx context.Context, id idp.OutboxID, attempt int, link idp.Link, lease time.Duration) error
	// FinishMails ends attempts of one tenant: sent, failed, unknown, dropped, or
	// queued again with a later due time. It gives how many of them were still
	// under way; of the others, somebody else has said what became of them.
	FinishMails(ctx context.Context, t idp.TenantID, results []idp.MailResult) (written int, err error)
	// Suppress notes that mail to an address is not to be tried, from now on for as
	// long as it says.
	Suppress(ctx context.Context, s idp.Suppression) error
	// DueMails finds entries that ClaimMail would give, oldest first. It also
	// moves entries that were being sent under a lapsed lease to unknown, and gives
	// those that it moved: their data may have left, so they are not sent again.
	DueMails(ctx context.Context, now time.Time, most int) (due, lapsed []idp.MailRef, err error)
}
