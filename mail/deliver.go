package mail

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"postern/idp"
)

const (
	// claimLease covers what lies between claiming and BeginSending: composing,
	// and one write to the database. It is short, because nobody works on an entry
	// whose claim was committed while its answer was lost.
	claimLease = 6 * time.Second
	// leaseMargin is by how much the sending lease outlasts the sending.
	leaseMargin = 30 * time.Second
)

// deliver makes one attempt at an entry, if it is there to be claimed.
func (w *Worker) deliver(ctx context.Context, ref idp.MailRef) {
	claimed, err := w.Store.ClaimMail(ctx, ref, claimLease, w.Clock())
	switch {
	case errors.Is(err, idp.ErrNotFound):
		return // someone else has it, or it is done
	case err != nil:
		w.Log.ErrorContext(ctx, "mail not claimed", "tenant_id", ref.TenantID, "outbox_id", ref.ID, "error", err)
		return
	}
	state, due, cause := w.attempt(ctx, claimed)
	w.finish(ctx, claimed, state, due, cause)
}

// attempt gives the state in which the entry is left, when it is due again if
// that is queued, and why, if it was not sent.
func (w *Worker) attempt(ctx context.Context, claimed idp.ClaimedMail) (idp.OutboxState, time.Time, error) {
	now := w.Clock()
	if !claimed.Deliverable() {
		return claimed.Undelivered(), time.Time{}, nil
	}
	if claimed.Entry.Attempt > idp.MaxMailAttempts || tooLate(claimed, now) {
		return idp.OutboxFailed, time.Time{}, errors.New("out of time")
	}
	credential := idp.NewCredential(idp.NewID(now))
	link := linkOf(claimed.Tenant, claimed.Flow, credential, now)
	message, err := w.composer.compose(claimed, credential, link.Expires.Sub(now), now)
	if err != nil {
		return idp.OutboxFailed, time.Time{}, err
	}
	// Committed before any data leaves: no mail is ever out whose link is unknown.
	err = w.Store.BeginSending(ctx, claimed.Entry.ID, claimed.Entry.Attempt, link, w.SendTimeout+leaseMargin)
	switch {
	case errors.Is(err, idp.ErrUsed):
		return idp.OutboxDropped, time.Time{}, nil // the flow has ended, or the lease has
	case err != nil:
		// No data has left and none will by this attempt, whatever was committed.
		state, due := w.startOver(claimed)
		return state, due, fmt.Errorf("begin sending: %w", err)
	}
	return w.send(ctx, claimed, message)
}

func (w *Worker) send(ctx context.Context, claimed idp.ClaimedMail, message Message) (idp.OutboxState, time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, w.SendTimeout)
	defer cancel()
	err := w.Transport.Send(ctx, message)
	switch {
	case err == nil:
		if w.OnSent != nil {
			w.OnSent(message)
		}
		return idp.OutboxSent, time.Time{}, nil
	case errors.Is(err, ErrUnknown):
		return idp.OutboxUnknown, time.Time{}, err
	case errors.Is(err, ErrNoMailbox):
		w.suppress(ctx, claimed, err)
		return idp.OutboxRefused, time.Time{}, err
	case errors.Is(err, ErrTemporary):
		if due, again := w.again(claimed); again {
			return idp.OutboxQueued, due, err
		}
	case errors.Is(err, ErrRecipient):
		return idp.OutboxRefused, time.Time{}, err
	}
	return idp.OutboxFailed, time.Time{}, err
}

// suppress leaves an address that has no mailbox alone for a while. Where that
// cannot be written the next mail finds it out anew.
func (w *Worker) suppress(ctx context.Context, claimed idp.ClaimedMail, cause error) {
	var no *refusal
	reason := "no such mailbox"
	if errors.As(cause, &no) {
		reason = strings.TrimSpace(strconv.Itoa(no.code) + " " + no.status)
	}
	now := w.Clock()
	err := w.Store.Suppress(ctx, idp.Suppression{
		TenantID: claimed.Tenant.ID, Address: claimed.Flow.Address, Reason: reason,
		CreatedAt: now, Expires: now.Add(idp.SuppressionLife),
	})
	if err != nil {
		w.Log.WarnContext(ctx, "suppression not written", "tenant_id", claimed.Tenant.ID, "outbox_id", claimed.Entry.ID, "error", err)
	}
}

// linkOf makes the row of a link that is good from now on, at most as long as its flow.
func linkOf(t idp.Tenant, f idp.Flow, credential idp.Credential, now time.Time) idp.Link {
	expires := now.Add(t.LinkLife())
	if f.Expires.Before(expires) {
		expires = f.Expires
	}
	return idp.Link{
		TenantID: t.ID, ID: credential.ID, FlowID: f.ID, ClientID: f.Request.ClientID,
		Verifier: credential.Secret.Digest(), SentAt: now, Expires: expires,
	}
}

// tooLate tells that a link sent at that time could hardly be used any more.
func tooLate(claimed idp.ClaimedMail, at time.Time) bool {
	return at.After(claimed.Entry.Expires.Add(-idp.LeastLinkUse)) || at.After(claimed.Flow.Expires.Add(-idp.LeastLinkUse))
}

// again tells whether and when another attempt is to be made.
func (w *Worker) again(claimed idp.ClaimedMail) (time.Time, bool) {
	pause, more := idp.MailPause(claimed.Entry.Attempt)
	if !more {
		return time.Time{}, false
	}
	due := w.Clock().Add(pause + rand.N(pause/idp.MailPauseSpread)) //nolint:gosec // chance only spreads load here
	return due, !tooLate(claimed, due)
}

// startOver tells what becomes of an attempt that the store broke off: the next
// one is made as soon as there is a store again, and later ones not so soon.
func (w *Worker) startOver(claimed idp.ClaimedMail) (idp.OutboxState, time.Time) {
	if claimed.Entry.Attempt <= 1 {
		return idp.OutboxQueued, w.Clock()
	}
	if due, again := w.again(claimed); again {
		return idp.OutboxQueued, due
	}
	return idp.OutboxFailed, time.Time{}
}

// finish says what became of the attempt, in the log and to the clerk.
func (w *Worker) finish(ctx context.Context, claimed idp.ClaimedMail, state idp.OutboxState, due time.Time, cause error) {
	entry := claimed.Entry
	log := w.Log.With("tenant_id", entry.TenantID, "outbox_id", entry.ID, "attempt", entry.Attempt)
	switch {
	case state == idp.OutboxQueued:
		log.WarnContext(ctx, "mail to be tried again", "due", due, "error", cause)
	case cause != nil:
		log.ErrorContext(ctx, "mail not sent", "state", state, "error", cause)
	default:
		log.InfoContext(ctx, "mail done", "state", state)
	}
	w.results <- result{entry.TenantID, idp.MailResult{
		ID: entry.ID, Attempt: entry.Attempt, State: state, Due: due, At: w.Clock(),
	}}
}
