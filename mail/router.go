package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"postern/idp"
)

const (
	// setupPoll is how often the instance's setup is looked at for changes.
	setupPoll = 500 * time.Millisecond
	// maxTenants bounds the tenants whose connections are kept ready.
	maxTenants = 2000
)

// Setups finds how tenants send. It gives idp.ErrNotFound for those that have no
// say of their own.
type Setups interface {
	FindMailSetup(ctx context.Context, t idp.TenantID) (idp.MailSetup, error)
}

// RouterConfig is what a Router needs. Those marked so have a default.
type RouterConfig struct {
	Setups Setups
	Sealer Sealer
	// Accounts are the instance's as it was started, tried after those in the store.
	Accounts []Account
	// Last, if set, takes mails for which there is no account at all: in development.
	Last Transport
	// Helo is the domain to greet with where no sender is known: the instance's.
	Helo string
	// TLS, if set, is taken for its roots.
	TLS   *tls.Config
	Clock func() time.Time
	Log   *slog.Logger
}

// Router is the transport of every tenant: a mail goes by the accounts of its
// tenant, then by those of the instance in the store, then by those that the
// instance was started with, until one takes it.
//
// A message names its tenant's setup, so that a change is seen with the next
// mail, and without a question to the store where nothing changed. Run looks for
// changes of the instance's.
type Router struct {
	RouterConfig
	started []*line // of Accounts

	mu       sync.Mutex
	instance *ways
	tenants  map[idp.TenantID]*ways
}

// ways are what a setup makes of itself.
type ways struct {
	setup   string // its id
	lines   []*line
	signers []*Signer
}

func (w *ways) close() {
	for _, l := range w.lines {
		l.close()
	}
}

// NewRouter checks the accounts; it asks nobody yet.
func NewRouter(c RouterConfig) (*Router, error) {
	r := &Router{RouterConfig: c, tenants: make(map[idp.TenantID]*ways)}
	for _, a := range c.Accounts {
		l, err := newLine(a, c.Helo, c.TLS)
		if err != nil {
			return nil, err
		}
		r.started = append(r.started, l)
	}
	return r, nil
}

// Send takes the mail's ways one after the other.
func (r *Router) Send(ctx context.Context, m Message) error {
	instance, err := r.ofInstance(ctx)
	if err != nil {
		return err
	}
	all := route{lines: instance.lines, signers: [][]*Signer{instance.signers}, clock: r.Clock, log: r.Log}
	if m.Setup != "" {
		own, err := r.ofTenant(ctx, m)
		if err != nil {
			return err
		}
		all.lines = append(own.lines[:len(own.lines):len(own.lines)], all.lines...)
		all.signers = [][]*Signer{own.signers, instance.signers}
	}
	all.lines = append(all.lines[:len(all.lines):len(all.lines)], r.started...)
	if len(all.lines) == 0 && r.Last != nil {
		return r.Last.Send(ctx, m)
	}
	return all.send(ctx, m)
}

// Run looks for changes of the instance's setup until ctx ends.
func (r *Router) Run(ctx context.Context) {
	ticker := time.NewTicker(setupPoll)
	defer ticker.Stop()
	defer r.close()
	for well := true; ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := r.refresh(ctx)
		if err != nil && well && ctx.Err() == nil {
			r.Log.WarnContext(ctx, "the instance's mail setup was not read", "error", err)
		}
		well = err == nil
	}
}

func (r *Router) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.tenants {
		w.close()
	}
	if r.instance != nil {
		r.instance.close()
	}
	for _, l := range r.started {
		l.close()
	}
}

// ofInstance gives what Run keeps fresh; the first mail may come before.
func (r *Router) ofInstance(ctx context.Context) (*ways, error) {
	r.mu.Lock()
	w := r.instance
	r.mu.Unlock()
	if w != nil {
		return w, nil
	}
	if err := r.refresh(ctx); err != nil {
		return nil, fmt.Errorf("%w: the instance's mail setup: %w", ErrTemporary, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.instance, nil
}

func (r *Router) refresh(ctx context.Context) error {
	row, err := r.find(ctx, idp.Instance)
	if err != nil {
		return err
	}
	r.mu.Lock()
	same := r.instance != nil && r.instance.setup == row.ID
	r.mu.Unlock()
	if same {
		return nil
	}
	w := r.build(ctx, row, r.Helo)
	r.mu.Lock()
	former := r.instance
	r.instance = w
	r.mu.Unlock()
	if former != nil {
		former.close()
	}
	return nil
}

// ofTenant gives the ways of a message's tenant, made anew where its setup is
// another than they were made of.
func (r *Router) ofTenant(ctx context.Context, m Message) (*ways, error) {
	r.mu.Lock()
	former := r.tenants[m.TenantID]
	r.mu.Unlock()
	if former != nil && former.setup == m.Setup {
		return former, nil
	}
	row, err := r.find(ctx, m.TenantID)
	if err != nil {
		return nil, fmt.Errorf("%w: the tenant's mail setup: %w", ErrTemporary, err)
	}
	made := r.build(ctx, row, m.From.Address.Domain())
	return r.keep(m.TenantID, made), nil
}

// keep takes what was made, unless another mail's was first.
func (r *Router) keep(t idp.TenantID, made *ways) *ways {
	r.mu.Lock()
	former := r.tenants[t]
	if former != nil && former.setup == made.setup {
		r.mu.Unlock()
		made.close()
		return former
	}
	closing := []*ways{former}
	for other, w := range r.tenants {
		if len(r.tenants) < maxTenants {
			break
		}
		delete(r.tenants, other)
		closing = append(closing, w)
	}
	r.tenants[t] = made
	r.mu.Unlock()
	for _, w := range closing {
		if w != nil {
			w.close()
		}
	}
	return made
}

// find gives a setup; one that is not there is empty.
func (r *Router) find(ctx context.Context, t idp.TenantID) (idp.MailSetup, error) {
	row, err := r.Setups.FindMailSetup(ctx, t)
	if errors.Is(err, idp.ErrNotFound) {
		return idp.MailSetup{TenantID: t}, nil
	}
	return row, err
}

// build makes the ways of a setup. What cannot be read is logged and left out:
// a login is better mailed another way than not at all.
func (r *Router) build(ctx context.Context, row idp.MailSetup, helo string) *ways {
	w := &ways{setup: row.ID}
	if row.Sealed == "" {
		return w
	}
	setup, err := OpenSetup(r.Sealer, row)
	if err == nil {
		w.signers, err = setup.signers()
	}
	for _, a := range setup.Accounts {
		l, lineErr := newLine(a, helo, r.TLS)
		if lineErr != nil {
			err = errors.Join(err, lineErr)
			continue
		}
		w.lines = append(w.lines, l)
	}
	if err != nil {
		r.Log.ErrorContext(ctx, "mail setup not usable", "tenant_id", row.TenantID, "error", err)
	}
	return w
}
