package mail

import (
	"context"
	"time"

	"postern/idp"
)

const (
	// gather is how long results wait for others, to be written with them.
	gather = 25 * time.Millisecond
	// endMargin is how long, where the process has to end, results are still tried
	// to be written.
	endMargin = 5 * time.Second
	// firstPause and longestPause are between the tries to write results.
	firstPause   = 100 * time.Millisecond
	longestPause = time.Second
)

// result is what became of an attempt, not written yet.
type result struct {
	tenant idp.TenantID
	idp.MailResult
}

// account writes results, those of a moment together, until over. A result that
// is not written makes a mail that was sent look unknown, so each is tried for as
// long as its lease surely lasts, and as ctx does: a store that was away is back
// by then.
func (w *Worker) account(ctx context.Context, over <-chan struct{}) {
	for {
		select {
		case <-over:
			w.settle(ctx, w.arrived())
			return
		case r := <-w.results:
			pause(over, gather)
			w.settle(ctx, append(w.arrived(), r))
		}
	}
}

// settle tries until all is written or given up. What comes meanwhile is written too.
func (w *Worker) settle(ctx context.Context, open []result) {
	for wait := firstPause; ; wait = min(2*wait, longestPause) {
		open = w.write(ctx, open)
		if len(open) == 0 {
			return
		}
		rest(ctx, wait)
		if ctx.Err() != nil {
			w.Log.ErrorContext(ctx, "results of mails not written", "mails", len(open))
			return
		}
		open = append(open, w.arrived()...)
	}
}

// write tries once, tenant by tenant, and gives what is still to be written.
func (w *Worker) write(ctx context.Context, open []result) (left []result) {
	for len(open) > 0 {
		tenant := open[0].tenant
		var mine []idp.MailResult
		var others []result
		for _, r := range open {
			if r.tenant == tenant {
				mine = append(mine, r.MailResult)
			} else {
				others = append(others, r)
			}
		}
		if _, err := w.Store.FinishMails(ctx, tenant, mine); err != nil {
			left = append(left, w.young(ctx, tenant, mine, err)...)
		}
		open = others
	}
	return left
}

// young gives those results of which no lease has lapsed.
func (w *Worker) young(ctx context.Context, tenant idp.TenantID, results []idp.MailResult, cause error) (left []result) {
	now := w.Clock()
	for _, r := range results {
		if now.Sub(r.At) < leaseMargin {
			left = append(left, result{tenant, r})
			continue
		}
		w.Log.ErrorContext(ctx, "result of a mail not written", "tenant_id", tenant, "outbox_id", r.ID, "state", r.State, "error", cause)
	}
	return left
}

// arrived gives the results that wait, without waiting for any.
func (w *Worker) arrived() (all []result) {
	for {
		select {
		case r := <-w.results:
			all = append(all, r)
		default:
			return all
		}
	}
}

// pause waits, or until over.
func pause(over <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-over:
	}
}

// rest waits, or until ctx ends.
func rest(ctx context.Context, d time.Duration) { pause(ctx.Done(), d) }
