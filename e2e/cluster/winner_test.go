package cluster_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"postern/e2e/harness"
)

// racers is how many attempts a race has. Of those by relay code there are no
// more than a flow takes: the next one would end it.
const (
	racers = 50
	codes  = 5
)

func TestOfFiftyAttemptsByLinkAndCodeOverThreeProcessesOneSignsIn(t *testing.T) {
	w := threeOnPostgres(t)
	spa := w.newApp("--public")
	rounds := size(8, 100)
	for round := range rounds {
		a := w.app // finishes in the link's tab
		if round%2 == 1 {
			a = spa // finishes in the waiting tab
		}
		w.raceLogin(round, a)
	}
	w.noFaults()
	t.Logf("%d rounds of %d racers, %d of them by code", rounds, racers, codes)
}

func (w *world) raceLogin(round int, a app) {
	w.t.Helper()
	l, link := w.mailed(a)
	code, err := w.relayCode(link)
	if err != nil {
		w.t.Fatal(err)
	}
	opened, err := l.get(link)
	if err != nil {
		w.t.Fatal(err)
	}
	verify, byCode := mustForm(w.t, opened, "/auth/verify"), mustForm(w.t, l.waiting, "/auth/code")
	pages := make([]*harness.Page, racers)
	race(w.t, racers, func(i int) (err error) {
		b := l.to(i % len(w.Processes))
		if i%(racers/codes) == 0 {
			pages[i], err = b.TrySubmit(l.waiting, byCode, submitter(byCode), url.Values{"code": {code}})
		} else {
			pages[i], err = b.TrySubmit(opened, verify, submitter(verify), nil)
		}
		return err
	})
	won := ""
	for i, p := range pages {
		switch {
		case codeOf(p) != "" && won != "":
			w.t.Errorf("round %d: racer %d won too", round, i)
		case codeOf(p) != "":
			won = codeOf(p)
		case p.Status >= 500, strings.HasPrefix(p.URL.String(), callback):
			w.t.Errorf("round %d: racer %d lost with status %d at %s", round, i, p.Status, p.URL.Redacted())
		}
	}
	if won == "" { // the link won, and no waiting tab asked since
		p, err := l.get(l.waiting.URL.String())
		if err != nil || codeOf(p) == "" {
			w.t.Fatalf("round %d: nobody won: %v", round, err)
		}
		won = codeOf(p)
	}
	if got, err := a.redeem(w.t.Context(), round%len(w.Processes), won, l.request.verifier); err != nil || got.status != 200 {
		w.t.Errorf("round %d: the winner's code: %+v %v", round, got, err)
	}
	w.wroteOnce(fmt.Sprintf("round %d", round), l)
}

// wroteOnce checks what one login has left in the database.
func (w *world) wroteOnce(what string, l *login) {
	w.t.Helper()
	const of = ` WHERE user_id IN (SELECT user_id FROM users WHERE address = $1)`
	for _, query := range []string{
		`SELECT count(*) FROM users WHERE address = $1`,
		`SELECT count(*) FROM sessions` + of,
		`SELECT count(*) FROM grants` + of,
		`SELECT count(*) FROM audit_events` + of + ` AND kind = 'login.completed'`,
	} {
		if n := w.count(query, l.address); n != 1 {
			w.t.Errorf("%s: %d by %s", what, n, query)
		}
	}
}

func TestOfManyRedemptionsOfOneCodeOverThreeProcessesOneGetsTokens(t *testing.T) {
	w := threeOnPostgres(t)
	rounds := size(5, 100)
	for round := range rounds {
		l, code := w.signIn(w.app)
		answers := make([]tokens, 24)
		race(t, len(answers), func(i int) (err error) {
			answers[i], err = w.redeem(t.Context(), i%len(w.Processes), code, l.request.verifier)
			return err
		})
		var winner *tokens
		for i, a := range answers {
			switch {
			case a.status == 200 && winner != nil:
				t.Errorf("round %d: redemption %d won too", round, i)
			case a.status == 200:
				winner = &answers[i]
			case a.status != 400 || a.Error != "invalid_grant":
				t.Errorf("round %d: a loser is answered %d %s", round, a.status, a.Error)
			}
		}
		if winner == nil {
			t.Fatalf("round %d: nobody won", round)
		}
		// Who redeems twice may have stolen it: RFC 6749 §4.1.2.
		if a, err := w.refresh(t.Context(), round%len(w.Processes), winner.Refresh); err != nil || a.Error != "invalid_grant" {
			t.Errorf("round %d: after reuse of its code, a refresh token is answered %d %s %v", round, a.status, a.Error, err)
		}
		w.wroteOnce(fmt.Sprintf("round %d", round), l)
	}
	w.noFaults()
}

func TestOneRefreshTokenSentByManyHasOneSuccessorOverThreeProcesses(t *testing.T) {
	w := threeOnPostgres(t)
	rounds := size(5, 100)
	for round := range rounds {
		l, code := w.signIn(w.app)
		first, err := w.redeem(t.Context(), 0, code, l.request.verifier)
		if err != nil || first.Refresh == "" {
			t.Fatalf("round %d: %+v %v", round, first, err)
		}
		answers := make([]tokens, 8)
		race(t, len(answers), func(i int) (err error) {
			answers[i], err = w.refresh(t.Context(), i%len(w.Processes), first.Refresh)
			return err
		})
		again, err := w.refresh(t.Context(), 1, first.Refresh) // an honest second try
		if err != nil {
			t.Fatal(err)
		}
		second := answers[0].Refresh
		for i, a := range slices.Concat(answers, []tokens{again}) {
			if a.status != 200 || a.Refresh == "" || a.Refresh == first.Refresh || a.Refresh != second {
				t.Errorf("round %d: answer %d is %d %s with another token than the rest: %v", round, i, a.status, a.Error, a.Refresh != second)
			}
		}
		third, err := w.refresh(t.Context(), 2, second)
		if err != nil || third.status != 200 {
			t.Fatalf("round %d: the successor is answered %d %s %v", round, third.status, third.Error, err)
		}
		w.wroteOnce(fmt.Sprintf("round %d", round), l)
		if n := w.count(`SELECT count(*) FROM grants WHERE NOT revoked AND user_id IN (SELECT user_id FROM users WHERE address = $1)`, l.address); n != 1 {
			t.Errorf("round %d: %d families alive", round, n)
		}
		// The first is older than any grace now: its family ends, everywhere.
		if a, err := w.refresh(t.Context(), 0, first.Refresh); err != nil || a.Error != "invalid_grant" {
			t.Errorf("round %d: an old token is answered %d %s %v", round, a.status, a.Error, err)
		}
		for i := range w.Processes {
			if a, err := w.refresh(t.Context(), i, third.Refresh); err != nil || a.Error != "invalid_grant" {
				t.Errorf("round %d: process %d answers a token of an ended family %d %s %v", round, i, a.status, a.Error, err)
			}
		}
	}
	w.noFaults()
}

// race starts all at the same moment and waits for them.
func race(t *testing.T, n int, run func(i int) error) {
	t.Helper()
	var all sync.WaitGroup
	start, errs := make(chan struct{}), make([]error, n)
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = run(i)
		})
	}
	close(start)
	all.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("racer %d: %v", i, err)
		}
	}
}

func mustForm(t *testing.T, p *harness.Page, action string) harness.Form {
	t.Helper()
	f, err := formTo(p, action)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
