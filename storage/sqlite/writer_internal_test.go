package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"postern/idp"
)

func openInternal(t *testing.T) *Store {
	t.Helper()
	c := Config{Path: filepath.Join(t.TempDir(), "postern.db")}
	if err := Migrate(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	store, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func TestTheWriterIsCrashSafe(t *testing.T) {
	store := openInternal(t)
	want := map[string]string{
		"PRAGMA journal_mode": "wal", "PRAGMA synchronous": "2", // FULL
		"PRAGMA foreign_keys": "0", "PRAGMA busy_timeout": "5000",
	}
	for pragma, value := range want {
		err := store.change(t.Context(), func(ctx context.Context, q *statements) error {
			var got string
			if err := q.row(ctx, pragma).Scan(&got); err != nil {
				return err
			}
			if got != value {
				t.Errorf("%s is %s, want %s", pragma, got, value)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestReadersCannotWrite(t *testing.T) {
	store := openInternal(t)
	if _, err := store.read.exec(t.Context(), `DELETE FROM tenants`); !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("deleted by a reader: %v", err)
	}
}

// together runs steps that all wait before the first of them is run, and gives
// their answers and how many commits it took.
func together(t *testing.T, w *writer, steps []step) ([]error, int64) {
	t.Helper()
	errs := make([]error, len(steps))
	started, hold := make(chan struct{}), make(chan struct{})
	waiting := make(chan *job, len(steps))
	var done sync.WaitGroup
	for i, run := range steps {
		j := &job{over: t.Context().Err, run: run, answer: make(chan error, 1)}
		waiting <- j
		done.Go(func() { errs[i] = <-j.answer })
	}
	// The writer's queue is swapped for one that is full, while it is held.
	go func() {
		_ = w.do(t.Context(), func(context.Context, *statements) error {
			close(started)
			<-hold
			w.jobs, waiting = waiting, w.jobs
			return nil
		})
	}()
	<-started
	before := w.commits.Load()
	close(hold)
	done.Wait()
	return errs, w.commits.Load() - before
}

func insert(id string) step {
	return func(ctx context.Context, q *statements) error {
		_, err := q.exec(ctx, `INSERT INTO clients (tenant_id, client_id, secrets, metadata, created_at)
			VALUES ('t', ?, x'', '{}', 0)`, id)
		return err
	}
}

func clientsOf(t *testing.T, store *Store) int {
	t.Helper()
	all, err := store.ListClients(t.Context(), "t")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func TestStepsThatWaitShareACommit(t *testing.T) {
	store := openInternal(t)
	steps := make([]step, 100)
	for i := range steps {
		steps[i] = insert(string(rune('A' + i)))
	}
	errs, commits := together(t, store.write, steps)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if commits != 1 || clientsOf(t, store) != len(steps) {
		t.Errorf("%d commits, %d rows of %d", commits, clientsOf(t, store), len(steps))
	}
}

func TestAStepThatFailsUndoesItselfAlone(t *testing.T) {
	store := openInternal(t)
	failure := errors.New("failure")
	errs, _ := together(t, store.write, []step{
		insert("first"),
		func(ctx context.Context, q *statements) error { return errors.Join(insert("undone")(ctx, q), failure) },
		func(ctx context.Context, q *statements) error {
			return errors.Join(insert("twice")(ctx, q), insert("twice")(ctx, q))
		},
		func(ctx context.Context, q *statements) error {
			return errors.Join(insert("kept")(ctx, q), keep(idp.ErrUsed))
		},
		insert("last"),
	})
	for i, want := range []error{nil, failure, idp.ErrConflict, idp.ErrUsed, nil} {
		if !errors.Is(errs[i], want) {
			t.Errorf("step %d: %v, want %v", i, errs[i], want)
		}
	}
	if got := clientsOf(t, store); got != 3 {
		t.Errorf("%d rows, want first, kept and last", got)
	}
}

func TestALostTransactionIsNobodysSuccess(t *testing.T) {
	store := openInternal(t)
	errs, commits := together(t, store.write, []step{
		insert("before"),
		// As SQLite itself does where the disk is full.
		func(ctx context.Context, q *statements) error {
			_, err := q.exec(ctx, "ROLLBACK")
			return errors.Join(err, errors.New("disk full"))
		},
	})
	for i, err := range errs {
		if !errors.Is(err, idp.ErrUnavailable) {
			t.Errorf("step %d: %v", i, err)
		}
	}
	if commits != 0 || clientsOf(t, store) != 0 {
		t.Errorf("%d commits, %d rows", commits, clientsOf(t, store))
	}
	if err := store.change(t.Context(), insert("after")); err != nil {
		t.Errorf("the writer did not recover: %v", err)
	}
}

func TestAStepRunsToItsEndThoughItsCallerLeaves(t *testing.T) {
	store := openInternal(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := store.change(ctx, func(ctx context.Context, q *statements) error {
		cancel()
		return insert("kept")(ctx, q)
	})
	if err != nil || clientsOf(t, store) != 1 {
		t.Errorf("%v, %d rows", err, clientsOf(t, store))
	}
	if err := store.change(ctx, insert("dropped")); !errors.Is(err, context.Canceled) || clientsOf(t, store) != 1 {
		t.Errorf("%v, %d rows", err, clientsOf(t, store))
	}
}
