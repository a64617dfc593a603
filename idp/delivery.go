package idp

import "time"

// MaxMailAttempts is how often a mail is tried in all.
const MaxMailAttempts = 5

// LeastLinkUse is the least life in which a person can still use a link: with
// less of it left, none is mailed.
const LeastLinkUse = time.Minute

// MailPause is the least time between an attempt, the first being 1, and the one
// after it; up to MailPauseSpread of it is added by chance. None follows the last.
func MailPause(attempt int) (pause time.Duration, again bool) {
	pauses := [MaxMailAttempts - 1]time.Duration{5 * time.Second, 20 * time.Second, time.Minute, 2 * time.Minute}
	if attempt < 1 || attempt > len(pauses) {
		return 0, false
	}
	return pauses[attempt-1], true
}

// MailPauseSpread is the part of a pause that chance adds at most, so that what
// failed together is not tried again together: one of that many.
const MailPauseSpread = 5

// Delivery is how a mail fares, as far as the person who waits for it is told.
type Delivery string

// How mails fare. Of one that arrived, and of one of which nobody knows, there is
// nothing to tell.
const (
	DeliveryUntold  Delivery = ""
	DeliveryDelayed Delivery = "delayed" // no server has taken it so far; it is tried again
	DeliveryRefused Delivery = "refused" // the address takes no mail
	DeliveryFailed  Delivery = "failed"  // it is tried no more, and the address is not why
)

// delayedAfter is how long a mail that is not sent yet is no matter for words:
// the first attempt to be made again has been made by then.
const delayedAfter = 10 * time.Second

// Delivery tells how the mail fares at a time. While the first attempt hands it
// over there is nothing to tell: if its process has ended, nobody tries it again,
// and it is a while until that is known. Tell it only where the tenant's
// policy mails everyone: elsewhere it says who has an account.
func (e OutboxEntry) Delivery(now time.Time) Delivery {
	switch {
	case e.State == OutboxRefused:
		return DeliveryRefused
	case e.State == OutboxFailed:
		return DeliveryFailed
	case e.State == OutboxSending && e.Attempt <= 1:
		return DeliveryUntold
	case e.ID == "" || e.Withheld || e.State.Ends() || now.Before(e.CreatedAt.Add(delayedAfter)):
		return DeliveryUntold
	default:
		return DeliveryDelayed
	}
}

// TriedUntil is when the last attempt at a delayed mail begins at the latest.
func (e OutboxEntry) TriedUntil() time.Time {
	last, attempt := e.Due, e.Attempt
	if e.State == OutboxQueued {
		attempt++ // the one that is due
	}
	for pause, again := MailPause(attempt); again; pause, again = MailPause(attempt) {
		last = last.Add(pause + pause/MailPauseSpread)
		attempt++
	}
	if end := e.Expires.Add(-LeastLinkUse); end.Before(last) {
		return end
	}
	return last
}
