package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"postern/idp"
	"postern/storage/sqlite"
)

// now is when these tests happen.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// raw opens the file as another program would.
func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestTwoProcessesCompleteAFlowOnce(t *testing.T) {
	path := migrated(t)
	stores := []*sqlite.Store{open(t, path), open(t, path)}
	completion := asked(t, stores[0])
	const racers = 40
	errs := make([]error, racers)
	var done sync.WaitGroup
	for i := range racers {
		done.Go(func() {
			c := completion
			c.Session.ID = idp.SessionID(idp.NewID(now))
			_, errs[i] = stores[i%2].CompleteFlow(t.Context(), c)
		})
	}
	done.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, idp.ErrUsed) {
			t.Errorf("a loser got %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d won", won)
	}
}

func TestWhatAnotherProcessHoldsIsUnavailableToWritersOnly(t *testing.T) {
	path := migrated(t)
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, BusyTimeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	tenant := idp.Tenant{ID: "t", Slug: "slug", Name: "T", CreatedAt: now}
	if err := store.CreateTenant(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	release := lock(t, path)
	if err := store.UpdateTenant(t.Context(), tenant); !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("update: %v", err)
	}
	if _, err := store.FindTenantBySlug(t.Context(), "slug"); err != nil {
		t.Errorf("find: %v", err)
	}
	release()
	if err := store.UpdateTenant(t.Context(), tenant); err != nil {
		t.Errorf("update after the lock: %v", err)
	}
}

func TestAnotherProcessIsWaitedFor(t *testing.T) {
	path := migrated(t)
	store := open(t, path)
	release := lock(t, path)
	created := make(chan error)
	go func() {
		created <- store.CreateTenant(t.Context(), idp.Tenant{ID: "t", Slug: "slug", Name: "T", CreatedAt: now})
	}()
	select {
	case err := <-created:
		t.Fatalf("written under another's lock: %v", err)
	default:
	}
	release()
	if err := <-created; err != nil {
		t.Error(err)
	}
}

// lock takes the file's write lock as another process would.
func lock(t *testing.T, path string) (release func()) {
	t.Helper()
	conn, err := raw(t, path).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		_, err := conn.ExecContext(context.WithoutCancel(t.Context()), "ROLLBACK")
		if err := errors.Join(err, conn.Close()); err != nil {
			t.Error(err)
		}
	}
}

// asked writes a flow with a link and gives an attempt at it that wins.
func asked(t *testing.T, store *sqlite.Store) idp.Completion {
	t.Helper()
	browser, verifier := idp.NewSecret(), idp.NewSecret()
	flow := idp.Flow{
		TenantID: "t", ID: "f", Address: "a@example.org", Browser: browser.Digest(), Expires: now.Add(time.Hour),
		Request: idp.AuthRequest{ClientID: "c"},
	}
	mail := idp.OutboxEntry{ID: "m", Due: now, Expires: flow.Expires}
	link := idp.Link{TenantID: "t", ID: "l", FlowID: "f", Verifier: verifier.Digest(), SentAt: now, Expires: flow.Expires}
	for _, err := range []error{
		store.CreateTenant(t.Context(), idp.Tenant{ID: "t", Slug: "slug", Name: "T", CreatedAt: now}),
		store.CreateClient(t.Context(), idp.Client{TenantID: "t", ID: "c", CreatedAt: now}),
		start(t, store, idp.NewFlow{Flow: flow, Mail: mail}),
		claim(t, store),
		store.BeginSending(t.Context(), "m", 1, link, time.Minute),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return idp.Completion{
		TenantID: "t", LinkID: "l", Verifier: verifier.Digest(), Browser: browser.Digest(), Now: now,
		User: idp.User{ID: "u", Subject: "s"}, Session: idp.Session{Expires: now.Add(time.Hour)},
	}
}

func start(t *testing.T, store *sqlite.Store, n idp.NewFlow) error {
	t.Helper()
	_, err := store.StartFlow(t.Context(), n)
	return err
}

func claim(t *testing.T, store *sqlite.Store) error {
	t.Helper()
	_, err := store.ClaimMail(t.Context(), idp.MailRef{TenantID: "t", ID: "m"}, time.Minute, now)
	return err
}
