package mail

import (
	"context"
	"errors"
	"time"

	"postern/idp"
)

// answerFirst is how long a mail waits for the answer to its request to be out.
// Composing one beside it would make the answer late, for those addresses alone
// that get a mail.
const answerFirst = 20 * time.Millisecond

// dispatch is a mail that a hand is held for.
type dispatch struct {
	claimed idp.ClaimedMail
	*idp.Dispatch
}

// Hold keeps a hand free for the mail of a flow that is about to be written, and
// mints its link; nil where all are busy, and when nothing runs. Send or Release
// must follow.
func (w *Worker) Hold(t idp.Tenant, f idp.Flow, now time.Time) *idp.Dispatch {
	select {
	case <-w.free:
	default:
		return nil
	}
	credential := idp.NewCredential(idp.NewID(now))
	return &idp.Dispatch{
		Credential: credential, Link: linkOf(t, f, credential, now), Lease: w.SendTimeout + leaseMargin,
	}
}

// Send sends a mail by the hand held for it, without waiting. Its entry and its
// link are committed by now, as being sent, so that a process that dies from here
// on leaves a mail of which nobody can say whether it left.
func (w *Worker) Send(m idp.ClaimedMail, d *idp.Dispatch) {
	w.dispatches <- dispatch{claimed: m, Dispatch: d}
}

// takeDispatches puts each dispatch into its hand until over.
func (w *Worker) takeDispatches(over <-chan struct{}, sending context.Context) {
	for {
		select {
		case <-over:
			return
		case d := <-w.dispatches:
			go func() {
				defer w.Release()
				rest(sending, answerFirst)
				state, due, cause := w.attemptAtOnce(sending, d)
				w.finish(sending, d.claimed, state, due, cause)
			}()
		}
	}
}

// attemptAtOnce is attempt for a mail whose link is written already.
func (w *Worker) attemptAtOnce(ctx context.Context, d dispatch) (idp.OutboxState, time.Time, error) {
	now := w.Clock()
	switch {
	case !d.claimed.Deliverable():
		return d.claimed.Undelivered(), time.Time{}, nil
	case now.After(d.Link.SentAt.Add(leaseMargin)):
		// Held up for so long that the lease would not cover the sending.
		state, due := w.startOver(d.claimed)
		return state, due, errors.New("held up before it was sent")
	}
	message, err := w.composer.compose(d.claimed, d.Credential, d.Link.Expires.Sub(now), now)
	if err != nil {
		return idp.OutboxFailed, time.Time{}, err
	}
	return w.send(ctx, d.claimed, message)
}
