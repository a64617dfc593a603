package postgres_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"postern/idp"
	"postern/storage/postgres"
	"postern/storage/postgres/pgtest"
)

// twoReplicas are two stores, with pools of their own, on one database.
func twoReplicas(t *testing.T) [2]*postgres.Store {
	t.Helper()
	url := migrated(t, pgtest.URL(t))
	return [2]*postgres.Store{open(t, url), open(t, url)}
}

func TestTwoReplicasCompleteAFlowOnce(t *testing.T) {
	t.Parallel()
	stores := twoReplicas(t)
	shop := newShop(t, stores[0])
	for range 10 {
		a := shop.ask("person@example.org")
		const racers = 50
		errs := make([]error, racers)
		var done sync.WaitGroup
		for i := range racers {
			done.Go(func() {
				grant, _ := newGrant()
				_, errs[i] = stores[i%2].CompleteFlow(t.Context(), shop.completion(a, &grant))
			})
		}
		done.Wait()
		won := 0
		for _, err := range errs {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, idp.ErrUsed):
				t.Errorf("a loser got %v", err)
			}
		}
		if won != 1 {
			t.Fatalf("%d won", won)
		}
	}
}

func TestTwoFlowsOfANewPersonAtOnceMakeOneUser(t *testing.T) {
	t.Parallel()
	stores := twoReplicas(t)
	shop := newShop(t, stores[0])
	const flows = 20
	all, users, errs := make([]asked, flows), make([]idp.UserID, flows), make([]error, flows)
	for i := range all {
		all[i] = shop.ask("new@example.org")
	}
	var done sync.WaitGroup
	for i, a := range all {
		done.Go(func() {
			var c idp.Completed
			c, errs[i] = stores[i%2].CompleteFlow(t.Context(), shop.completion(a, nil))
			users[i] = c.User.ID
			if c.Session.UserID != c.User.ID || c.Flow.UserID != c.User.ID {
				errs[i] = errors.New("session or flow of someone else")
			}
		})
	}
	done.Wait()
	for i := range all {
		if errs[i] != nil || users[i] != users[0] {
			t.Errorf("flow %d: user %s, %v; want %s", i, users[i], errs[i], users[0])
		}
	}
}

func TestWhatStandsOnASessionOutlivesItsReplacements(t *testing.T) {
	t.Parallel()
	store := open(t, migrated(t, pgtest.URL(t)))
	shop, ctx := newShop(t, store), t.Context()
	// A tab that was completed and has not gone to its client, and two more
	// logins in the same browser before it does.
	first := shop.ask("person@example.org")
	done, err := store.CompleteFlow(ctx, shop.completion(first, nil))
	shop.must(err)
	granted, code := newGrant()
	for _, grant := range []*idp.Grant{&granted, nil} {
		next := shop.completion(shop.ask("person@example.org"), grant)
		next.Replaces = done.Session.ID
		done, err = store.CompleteFlow(ctx, next)
		shop.must(err)
	}
	late, _ := newGrant()
	finished, err := store.FinishFlow(ctx, shop.tenant.ID, first.flow, late, now)
	shop.must(err)
	if finished.Session.ID != done.Session.ID {
		t.Errorf("the first tab's session is %s, want the last one, %s", finished.Session.ID, done.Session.ID)
	}
	_, _, err = store.RedeemCode(ctx, idp.Redemption{
		TenantID: shop.tenant.ID, GrantID: granted.ID, Code: code.Digest(), ClientID: "app", RedirectURI: "https://app.example/cb", Now: now,
	})
	if err != nil {
		t.Errorf("the code of the session in between: %v", err)
	}
	// Signing out of the last one ends them all.
	shop.must(store.RevokeSession(ctx, shop.tenant.ID, done.Session.ID, now))
	_, _, err = store.RedeemCode(ctx, idp.Redemption{
		TenantID: shop.tenant.ID, GrantID: late.ID, Code: late.Code, ClientID: "app", RedirectURI: "https://app.example/cb", Now: now.Add(time.Second),
	})
	if !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("a code after signing out: %v, want ErrNotFound", err)
	}
}
