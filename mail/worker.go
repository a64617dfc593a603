package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"postern/idp"
)

// Config is what a Worker needs. Those marked so have a default.
type Config struct {
	Store     Store
	Transport Transport
	Templates Templates
	// PublicURL is the instance's, without a trailing slash; links of tenants
	// without a host of their own begin with it.
	PublicURL string
	// From is who mails come from where a tenant says nothing else.
	From  idp.MailFrom
	Clock func() time.Time
	Log   *slog.Logger
	// Workers is how many mails are worked on at once; 16 by default.
	Workers int
	// Queue is how many wakes are remembered; 1024 by default. More are found by the sweep.
	Queue int
	// Sweep is how often entries that nobody was woken for are looked for; one second by default.
	Sweep time.Duration
	// SendTimeout bounds the handing over of one mail; 60 seconds by default.
	SendTimeout time.Duration
	// Drain is how long Run waits, once its context has ended, for mails that are
	// being sent; 15 seconds by default.
	Drain time.Duration
	// OnSent, if set, sees each mail that was taken, for showing links to a
	// developer. It holds a token: it must never log.
	OnSent func(Message)
}

// Worker sends what is in the outbox. Any number of them may run, here and in
// other replicas: an entry is worked on by who holds its lease.
type Worker struct {
	Config
	composer   composer
	wakes      chan idp.MailRef
	dispatches chan dispatch
	// free holds a token for each hand that is free; none before Run and after it.
	free    chan struct{}
	results chan result
}

// NewWorker checks the configuration. It refuses a public URL whose links would
// carry tokens in the clear: http is for loopback only.
func NewWorker(c Config) (*Worker, error) {
	u, err := url.Parse(c.PublicURL)
	if err != nil {
		return nil, fmt.Errorf("mail: public URL: %w", err)
	}
	if err := checkIssuer(u); err != nil {
		return nil, err
	}
	if from, err := idp.ParseAddress(string(c.From.Address)); err != nil || from != c.From.Address {
		return nil, fmt.Errorf("mail: sender %q: not a canonical address", c.From.Address)
	}
	setDefault(&c.Workers, 16)
	setDefault(&c.Queue, 1024)
	setDefault(&c.Sweep, time.Second)
	setDefault(&c.SendTimeout, time.Minute)
	setDefault(&c.Drain, 15*time.Second)
	return &Worker{
		Config:   c,
		composer: composer{templates: c.Templates, publicURL: c.PublicURL, from: c.From},
		wakes:    make(chan idp.MailRef, c.Queue),
		// A hand is held for each, so none ever waits to be put here.
		dispatches: make(chan dispatch, c.Workers),
		free:       make(chan struct{}, c.Workers),
		results:    make(chan result, c.Queue),
	}, nil
}

func setDefault[T int | time.Duration](v *T, to T) {
	if *v <= 0 {
		*v = to
	}
}

// Wake tells that an entry is due. It never waits: what finds no room here is
// found by the sweep.
func (w *Worker) Wake(ref idp.MailRef) {
	select {
	case w.wakes <- ref:
	default:
	}
}

// Run works until ctx ends, and then until the mails being sent are out, for at
// most Drain: what is cut off then is queued again or unknown, like any lost
// connection.
func (w *Worker) Run(ctx context.Context) {
	sending, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	writing, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	over := make(chan struct{})
	var hired sync.WaitGroup
	hired.Go(func() { w.account(writing, over) })
	hired.Go(func() { w.answerWakes(ctx, sending) })
	hired.Go(func() { w.takeDispatches(over, sending) })
	for range w.Workers {
		w.Release()
	}
	w.sweep(ctx)
	timer := time.AfterFunc(w.Drain, cut)
	defer timer.Stop()
	w.retire()
	close(over)
	defer time.AfterFunc(endMargin, giveUp).Stop()
	hired.Wait()
}

// retire waits for every hand to be free, and keeps it so that nothing begins
// any more. Who has not let go when all that is sent was cut off never will.
func (w *Worker) retire() {
	late := time.NewTimer(w.Drain + endMargin)
	defer late.Stop()
	for range w.Workers {
		select {
		case <-w.free:
		case <-late.C:
			return
		}
	}
}

// Release frees a hand.
func (w *Worker) Release() { w.free <- struct{}{} }

// answerWakes puts a hand on one entry after the other until ctx ends; sending
// outlives it. An entry without a hand by then waits for the next sweep.
func (w *Worker) answerWakes(ctx, sending context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case ref := <-w.wakes:
			select {
			case <-ctx.Done():
				return
			case <-w.free:
				go func() {
					defer w.Release()
					w.deliver(sending, ref)
				}()
			}
		}
	}
}

// sweep looks for entries left behind, now and at every tick, until ctx ends.
func (w *Worker) sweep(ctx context.Context) {
	ticker := time.NewTicker(w.Sweep)
	defer ticker.Stop()
	for {
		w.sweepOnce(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (w *Worker) sweepOnce(ctx context.Context) {
	room := cap(w.wakes) - len(w.wakes)
	if room <= cap(w.wakes)/2 {
		return // there is work enough, and most of it is what a sweep would find
	}
	due, lapsed, err := w.Store.DueMails(ctx, w.Clock(), room)
	for _, ref := range lapsed {
		w.Log.ErrorContext(ctx, "mail not known to be sent: who was sending it has ended", "tenant_id", ref.TenantID, "outbox_id", ref.ID)
	}
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			w.Log.ErrorContext(ctx, "outbox sweep failed", "error", err)
		}
		return
	}
	for _, ref := range due {
		w.Wake(ref)
	}
}
