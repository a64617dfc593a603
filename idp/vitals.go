package idp

import "time"

// Vitals is how an instance does, over all tenants, at one moment.
type Vitals struct {
	// MailsWaiting are due and not sent yet, MostWaiting at most; the oldest has
	// been due since OldestMail.
	MailsWaiting int
	OldestMail   time.Time
	// OldestKey is since when the signing key that has been in use the longest is.
	OldestKey time.Time
}

// MostWaiting is up to where mails that wait are counted.
const MostWaiting = 10_000

// Connections are a backend's to its database.
type Connections struct {
	// Busy and Open are now, Most is how many there may be.
	Busy, Open, Most int
	// Waits is how often one had to be waited for.
	Waits int64
}
