package cluster_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/e2e/harness"
	"postern/storage/postgres/pgtest"
)

// trips are the round trips to the database of each request of a login, its
// mail, and what an app does with its tokens.
type trips map[string]int64

// mostTrips is what each may take. The mail runs beside the answer to the address,
// so they are counted together: the limits and the flow with its link, and what
// became of the mail.
var mostTrips = trips{
	"address and mail": 3, "press of the button": 1, "code": 1, "refresh": 1, "userinfo": 1, "metadata": 0,
	"code, proven": 1, "refresh, proven": 1, "userinfo, proven": 1, "proof without a nonce": 0, "exchange": 1, "exchange, proven": 1,
}

func TestRoundTripsOnTheWire(t *testing.T) {
	wire, url := pgtest.NewWire(t, pgtest.Schema(t, pgtest.URL(t)))
	w := newWorld(t, 1, url+"&pool_max_conns=1")
	const api = "https://api.example"
	if _, err := w.Run(t.Context(), "api", "create", "--tenant", "demo", api); err != nil {
		t.Fatal(err)
	}
	service := w.newApp("--grant", exchangeGrant, "--exchange-from", w.ID, "--exchange-for", api)
	w.countTrips(wire, service) // the first of each statement is prepared, the first of each cache filled
	least := w.countTrips(wire, service)
	for range 4 { // sweeps and refreshed caches run beside: the least is the request's own
		for step, n := range w.countTrips(wire, service) {
			least[step] = min(least[step], n)
		}
	}
	for step, most := range mostTrips {
		if least[step] > most {
			t.Errorf("%s: %d round trips, want at most %d", step, least[step], most)
		}
	}
	if least["press of the button"] == 0 || least["code"] == 0 {
		t.Errorf("nothing was counted: %v", least)
	}
	t.Log(least)
}

// resultWritten is when a worker has surely written what became of a mail.
const resultWritten = 150 * time.Millisecond

func (w *world) countTrips(wire *pgtest.Wire, service app) trips {
	w.t.Helper()
	got := trips{}
	step := func(name string, do func() error) {
		// Tenant, clients and keys are kept for half a second. That ends before a step, not within it.
		w.asked(0, service.request().url)
		w.asked(0, w.request().url)
		w.asked(0, w.issuer+"/jwks")
		before := settled(wire)
		if err := do(); err != nil {
			w.t.Fatalf("%s: %v", name, err)
		}
		got[name] = settled(wire) - before
	}
	l := &login{request: w.request(), Browser: harness.NewBrowser(w.t), address: newAddress()}
	l.Stop = func(u *url.URL) bool {
		return strings.HasPrefix(u.String(), callback) || strings.HasSuffix(u.Path, "/auth/waiting")
	}
	page, err := l.get(l.request.url)
	if err != nil {
		w.t.Fatal(err)
	}
	var link string
	step("address and mail", func() error {
		if _, err := l.submit(page, "/auth/login", url.Values{"email": {l.address}}); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
		defer cancel()
		m, ok := w.Sink.Wait(ctx, l.address)
		if !ok {
			return errNoAnswer
		}
		link = m.Link
		time.Sleep(resultWritten)
		return nil
	})
	opened, err := l.get(link)
	if err != nil {
		w.t.Fatal(err)
	}
	var end *harness.Page
	step("press of the button", func() (err error) { end, err = l.submit(opened, "/auth/verify", nil); return err })
	var given tokens
	step("code", func() (err error) {
		given, err = w.redeem(w.t.Context(), 0, codeOf(end), l.request.verifier)
		return err
	})
	step("refresh", func() (err error) { given, err = w.refresh(w.t.Context(), 0, given.Refresh); return err })
	if given.Access == "" {
		w.t.Fatalf("no token: %+v", given)
	}
	step("userinfo", func() error {
		return w.read("/userinfo", "Authorization", "Bearer "+given.Access)
	})
	w.countProven(step, l, service, given.Access)
	step("metadata", func() error { return w.read("/.well-known/openid-configuration") })
	return got
}

const (
	exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"
	accessType    = "urn:ietf:params:oauth:token-type:access_token"
)

// countProven counts what comes with proofs of a key, and exchanges.
func (w *world) countProven(step func(string, func() error), l *login, service app, access string) {
	w.t.Helper()
	p, again := w.prover(w.app), w.request()
	end, err := l.get(again.url)
	if err != nil {
		w.t.Fatal(err)
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {codeOf(end)}, "redirect_uri": {callback}, "code_verifier": {again.verifier},
	}
	var given tokens
	send := func(by *prover, form url.Values) func() error {
		return func() (err error) {
			given, err = by.send(w.t.Context(), 0, form, by.prove(http.MethodPost, "/token", ""))
			return err
		}
	}
	late := *p
	late.nonce = ""
	if step("proof without a nonce", send(&late, form)); given.Error != "use_dpop_nonce" {
		w.t.Fatalf("without a nonce: %+v", given)
	}
	step("code, proven", send(p, form))
	step("refresh, proven", send(p, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {given.Refresh}}))
	step("userinfo, proven", func() error {
		return w.read("/userinfo", "Authorization", "DPoP "+given.Access, "DPoP", p.prove(http.MethodGet, "/userinfo", given.Access))
	})
	swap := url.Values{
		"grant_type": {exchangeGrant}, "subject_token": {access}, "subject_token_type": {accessType}, "resource": {"https://api.example"},
	}
	step("exchange", func() (err error) { given, err = service.token(w.t.Context(), 0, swap); return err })
	first := given.Access
	if step("exchange, proven", send(w.prover(service), swap)); first == "" || given.Access == "" {
		w.t.Fatalf("no exchange: %+v", given)
	}
}

func (w *world) read(path string, header ...string) error {
	answer, body, err := ask(w.t.Context(), http.MethodGet, w.issuer+path, nil, header...)
	if err == nil && answer.StatusCode != http.StatusOK {
		w.t.Fatalf("%s: %d %s", path, answer.StatusCode, body)
	}
	return err
}

// settled waits for a moment in which nothing is asked, and gives the count.
func settled(wire *pgtest.Wire) int64 {
	for {
		before := wire.Trips()
		time.Sleep(40 * time.Millisecond)
		if now := wire.Trips(); now == before {
			return now
		}
	}
}
