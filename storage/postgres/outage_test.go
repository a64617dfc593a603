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

func TestAStoppedPrimaryFailsFastAndIsFoundAgain(t *testing.T) {
	t.Parallel()
	server, err := pgtest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	if err := postgres.Migrate(t.Context(), postgres.Config{URL: server.URL}); err != nil {
		t.Fatal(err)
	}
	store := open(t, server.URL)
	shop := newShop(t, store)
	a := shop.ask("person@example.org")
	warm(t, store, shop) // many connections, all to die
	server.Halt()
	for range 3 {
		began := time.Now()
		_, err := store.CompleteFlow(t.Context(), shop.completion(a, nil))
		if !errors.Is(err, idp.ErrUnavailable) {
			t.Errorf("without a server: %v, want ErrUnavailable", err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("a refusal took %s", took)
		}
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	if _, err := store.CompleteFlow(t.Context(), shop.completion(a, nil)); err != nil {
		t.Errorf("with the server back: %v", err)
	}
	if took := time.Since(back); took > 2*time.Second {
		t.Errorf("well again after %s", took)
	}
}

// warm uses many connections of the pool at once.
func warm(t *testing.T, store *postgres.Store, shop *shop) {
	t.Helper()
	var done sync.WaitGroup
	for range 64 {
		done.Go(func() {
			if _, err := store.ListEvents(t.Context(), shop.tenant.ID, 10); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
}

func TestAPrimaryThatHangsIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	w, url := pgtest.NewWire(t, migrated(t, pgtest.URL(t)))
	const patience = time.Second // much more than a busy machine takes to answer
	store, err := postgres.Open(t.Context(), postgres.Config{URL: url, Patience: patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	shop := newShop(t, store)
	w.Stall()
	began := time.Now()
	if _, err := store.ListEvents(t.Context(), shop.tenant.ID, 10); !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("a server that hangs: %v, want ErrUnavailable", err)
	}
	if took := time.Since(began); took > 3*patience {
		t.Errorf("waited %s", took)
	}
	w.Release()
	if _, err := store.ListEvents(t.Context(), shop.tenant.ID, 10); err != nil {
		t.Errorf("a server that goes on: %v", err)
	}
}

func TestATerminatedConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	w, url := pgtest.NewWire(t, migrated(t, pgtest.URL(t)))
	store := open(t, url)
	shop := newShop(t, store)
	w.Cut()
	// The first may hit a connection that is dead and looks alive; it says so.
	if _, err := store.ListEvents(t.Context(), shop.tenant.ID, 10); err != nil && !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("on a dead connection: %v, want ErrUnavailable or an answer", err)
	}
	if _, err := store.ListEvents(t.Context(), shop.tenant.ID, 10); err != nil {
		t.Errorf("after it: %v", err)
	}
}
