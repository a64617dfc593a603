package storage_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postern/idp"
	"postern/storage"
)

// counting is a store that knows one tenant and one client, and counts who asks.
type counting struct {
	storage.Store
	asked atomic.Int64
	name  atomic.Value
	slow  time.Duration
	err   error
}

func newCounting() *counting {
	c := &counting{}
	c.name.Store("first")
	return c
}

func (c *counting) FindTenantBySlug(context.Context, string) (idp.Tenant, error) {
	c.asked.Add(1)
	name, _ := c.name.Load().(string)
	time.Sleep(c.slow)
	return idp.Tenant{Name: name}, c.err
}

func (c *counting) FindClient(_ context.Context, t idp.TenantID, id idp.ClientID) (idp.Client, error) {
	c.asked.Add(1)
	return idp.Client{TenantID: t, ID: id}, c.err
}

func (c *counting) UpdateTenant(_ context.Context, t idp.Tenant) error {
	c.name.Store(t.Name)
	return nil
}

func TestCachedAsksOnceAndAgainAfterItsTime(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	behind := newCounting()
	store := storage.Cached(behind, storage.CacheLife, func() time.Time { return now })
	name := func() string {
		tenant, err := store.FindTenantBySlug(t.Context(), "slug")
		if err != nil {
			t.Fatal(err)
		}
		return tenant.Name
	}
	name()
	behind.name.Store("second") // by another process
	now = now.Add(storage.CacheLife - 1)
	if got := name(); got != "first" || behind.asked.Load() != 1 {
		t.Errorf("%q after %d questions", got, behind.asked.Load())
	}
	now = now.Add(1)
	if got := name(); got != "second" {
		t.Errorf("%q when its time was over", got)
	}
}

func TestCachedSeesAtOnceWhatThisProcessChanges(t *testing.T) {
	behind := newCounting()
	store := storage.Cached(behind, time.Hour, time.Now)
	if _, err := store.FindTenantBySlug(t.Context(), "slug"); err != nil {
		t.Fatal(err)
	}
	if err := store.UpdateTenant(t.Context(), idp.Tenant{Name: "second"}); err != nil {
		t.Fatal(err)
	}
	if got, err := store.FindTenantBySlug(t.Context(), "slug"); err != nil || got.Name != "second" {
		t.Errorf("%q, %v", got.Name, err)
	}
}

func TestCachedDoesNotKeepAnAnswerFromBeforeAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		behind := newCounting()
		behind.slow = time.Second
		store := storage.Cached(behind, time.Hour, time.Now)
		go func() { _, _ = store.FindTenantBySlug(t.Context(), "slug") }()
		synctest.Wait() // it has read the first name by now
		if err := store.UpdateTenant(t.Context(), idp.Tenant{Name: "second"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if got, err := store.FindTenantBySlug(t.Context(), "slug"); err != nil || got.Name != "second" {
			t.Errorf("%q, %v", got.Name, err)
		}
	})
}

func TestCachedDoesNotRememberFailures(t *testing.T) {
	behind := newCounting()
	behind.err = idp.ErrNotFound
	store := storage.Cached(behind, time.Hour, time.Now)
	for range 2 {
		if _, err := store.FindTenantBySlug(t.Context(), "slug"); !errors.Is(err, idp.ErrNotFound) {
			t.Fatal(err)
		}
	}
	if behind.asked.Load() != 2 {
		t.Errorf("asked %d times", behind.asked.Load())
	}
}

func TestCachedAsksOnceForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		behind := newCounting()
		behind.slow = time.Second
		store := storage.Cached(behind, time.Hour, time.Now)
		hasty, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		var done sync.WaitGroup
		done.Go(func() {
			if _, err := store.FindTenantBySlug(hasty, "slug"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("who could not wait got %v", err)
			}
		})
		synctest.Wait()
		for range 10 {
			done.Go(func() {
				if _, err := store.FindTenantBySlug(t.Context(), "slug"); err != nil {
					t.Error(err)
				}
			})
		}
		done.Wait()
		if behind.asked.Load() != 1 {
			t.Errorf("asked %d times", behind.asked.Load())
		}
	})
}

func TestCachedKeepsTenantsApart(t *testing.T) {
	store := storage.Cached(newCounting(), time.Hour, time.Now)
	for _, tenant := range []idp.TenantID{"a", "b"} {
		got, err := store.FindClient(t.Context(), tenant, "app")
		if err != nil || got.TenantID != tenant {
			t.Errorf("%s got %s, %v", tenant, got.TenantID, err)
		}
	}
}

func TestCachedServesWhatItKnewWhileTheStoreCannotAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration // the last answer
		err   error
		want  error
	}{
		"an outage":                     {10 * time.Second, idp.ErrUnavailable, nil},
		"an outage of over a minute":    {2 * time.Minute, idp.ErrUnavailable, idp.ErrUnavailable},
		"a tenant that has gone":        {10 * time.Second, idp.ErrNotFound, idp.ErrNotFound},
		"a fault that is not an outage": {10 * time.Second, errFault, errFault},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				behind := newCounting()
				store := storage.Cached(behind, storage.CacheLife, time.Now)
				if _, err := store.FindTenantBySlug(t.Context(), "slug"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(c.after)
				synctest.Wait()
				behind.err = c.err
				got, err := store.FindTenantBySlug(t.Context(), "slug")
				if !errors.Is(err, c.want) || (c.want == nil && got.Name != "first") {
					t.Errorf("%q, %v", got.Name, err)
				}
				if _, err := store.FindTenantBySlug(t.Context(), "unknown"); !errors.Is(err, c.err) {
					t.Errorf("a tenant that was never found: %v", err)
				}
			})
		})
	}
}

var errFault = errors.New("no such column")

func TestCachedWaitsOnceForAStoreThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		behind := newCounting()
		store := storage.Cached(behind, storage.CacheLife, time.Now)
		find := func(want string, most time.Duration) {
			t.Helper()
			began := time.Now()
			got, err := store.FindTenantBySlug(t.Context(), "slug")
			if took := time.Since(began); err != nil || got.Name != want || took > most {
				t.Errorf("%q, %v after %s; want %q within %s", got.Name, err, took, want, most)
			}
		}
		find("first", 0)
		time.Sleep(time.Second)
		synctest.Wait()
		behind.slow, behind.err = 3*time.Second, idp.ErrUnavailable
		find("first", 3*time.Second)
		find("first", 100*time.Millisecond)
		find("first", 100*time.Millisecond)
		time.Sleep(3 * time.Second)
		synctest.Wait() // the question that hung is over
		behind.name.Store("second")
		behind.slow, behind.err = time.Millisecond, nil
		find("second", time.Millisecond)
	})
}
