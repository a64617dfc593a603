package mail

import (
	"context"
	"sync"
	"time"

	"postern/idp"
)

// Delivered is a message as the development mailbox shows it.
type Delivered struct {
	To      string    `json:"to"`
	From    string    `json:"from"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
	Link    string    `json:"link"`
	SentAt  time.Time `json:"sent_at"`
}

// Mailbox is a transport that keeps the newest messages in memory, for
// development only: it holds whole links.
type Mailbox struct {
	mu       sync.Mutex
	messages []Delivered // a ring
	next     int         // where the next message goes
	most     int
}

// NewMailbox gives a mailbox for the newest most messages.
func NewMailbox(most int) *Mailbox { return &Mailbox{most: max(most, 1)} }

// Send keeps the message, in place of the oldest where there is no room.
func (b *Mailbox) Send(_ context.Context, m Message) error {
	if err := m.check(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	d := Delivered{
		To: string(m.To), From: string(m.From.Address), Subject: m.Subject,
		Text: m.Text, HTML: m.HTML, Link: m.Link, SentAt: m.Date,
	}
	if len(b.messages) < b.most {
		b.messages = append(b.messages, d)
	} else {
		b.messages[b.next] = d
	}
	b.next = (b.next + 1) % b.most
	return nil
}

// List gives what there is for an address, or for all with an empty one, newest
// first. It is never nil.
func (b *Mailbox) List(to idp.Address) []Delivered {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := []Delivered{}
	for i := range b.messages {
		d := b.messages[(b.next-1-i+2*b.most)%b.most]
		if to == "" || d.To == string(to) {
			list = append(list, d)
		}
	}
	return list
}

// Nowhere takes every mail and brings it to nobody: in development, the mailbox
// beside it shows them.
type Nowhere struct{}

// Send takes the message.
func (Nowhere) Send(_ context.Context, m Message) error { return m.check() }

// Tee sends for real, and keeps a copy of what was taken in the mailbox.
type Tee struct {
	Transport Transport
	Mailbox   *Mailbox
}

// Send gives the transport's outcome.
func (t Tee) Send(ctx context.Context, m Message) error {
	if err := t.Transport.Send(ctx, m); err != nil {
		return err
	}
	return t.Mailbox.Send(ctx, m)
}
