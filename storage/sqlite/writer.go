package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"postern/idp"
)

// maxBatch is how many steps share a commit at most, so that the first of them
// does not wait long for its answer.
const maxBatch = 256

// step is what one method writes. Its error undoes what it wrote, and nothing
// that others wrote, unless it is one that keep made.
type step func(ctx context.Context, q *statements) error

type job struct {
	over   func() error // the caller's Context.Err
	run    step
	err    error
	answer chan error
}

// writer owns the one connection that writes.
type writer struct {
	db      *sql.DB
	jobs    chan *job // not buffered: what it has taken, it answers
	closing chan struct{}
	stopped chan struct{}
	once    sync.Once
	commits atomic.Int64

	// Of the serving goroutine only.
	conn *sql.Conn
	q    *statements
}

// startWriter serves until close, however long ctx lives.
func startWriter(ctx context.Context, db *sql.DB) *writer {
	w := &writer{db: db, jobs: make(chan *job), closing: make(chan struct{}), stopped: make(chan struct{})}
	go w.serve(context.WithoutCancel(ctx))
	return w
}

// do has the step run and committed, and gives its answer. A context that ends
// before the step's turn drops it; later, the answer is waited for, since it
// tells what became of the step.
func (w *writer) do(ctx context.Context, run step) error {
	j := &job{over: ctx.Err, run: run, answer: make(chan error, 1)}
	select {
	case w.jobs <- j:
		return <-j.answer
	case <-ctx.Done():
		return ctx.Err()
	case <-w.closing:
		return fmt.Errorf("%w: closed", idp.ErrUnavailable)
	}
}

// close lets a batch that runs come to its end.
func (w *writer) close() {
	w.once.Do(func() { close(w.closing) })
	<-w.stopped
}

func (w *writer) serve(ctx context.Context) {
	defer close(w.stopped)
	for {
		select {
		case <-w.closing:
			w.drop()
			return
		case first := <-w.jobs:
			w.batch(ctx, first)
		}
	}
}

// next gives a step that waits already, or nil.
func (w *writer) next() *job {
	select {
	case j := <-w.jobs:
		return j
	default:
		return nil
	}
}

func (w *writer) batch(ctx context.Context, first *job) {
	if err := w.begin(ctx); err != nil {
		// Whoever waits has waited as long as this one: all hear it now.
		for j := first; j != nil; j = w.next() {
			j.answer <- err
		}
		return
	}
	var ran []*job
	var broken error
	for j := first; j != nil; {
		ran = append(ran, j)
		if broken = w.runOne(ctx, j); broken != nil || len(ran) == maxBatch {
			break
		}
		j = w.next()
	}
	if broken == nil {
		broken = w.commit(ctx)
	}
	if broken != nil {
		w.drop() // which rolls back
	}
	for _, j := range ran {
		if broken != nil {
			j.err = fmt.Errorf("%w: %w", idp.ErrUnavailable, broken)
		}
		j.answer <- j.err
	}
}

// runOne runs a step in a savepoint and notes its answer. Its own error is of
// the transaction as a whole, which is lost then.
func (w *writer) runOne(ctx context.Context, j *job) error {
	if j.err = j.over(); j.err != nil {
		return nil //nolint:nilerr // it is the job's answer
	}
	if _, err := w.q.exec(ctx, "SAVEPOINT step"); err != nil {
		return err
	}
	j.err = j.run(ctx, w.q)
	if kept, ok := errors.AsType[keptError](j.err); ok {
		j.err = kept.error
	} else if j.err != nil {
		// Fails where the database gave up the whole transaction, as on a full disk.
		if _, err := w.q.exec(ctx, "ROLLBACK TO step"); err != nil {
			return err
		}
	}
	_, err := w.q.exec(ctx, "RELEASE step")
	return err
}

func (w *writer) begin(ctx context.Context) error {
	if w.conn == nil {
		conn, err := w.db.Conn(ctx)
		if err != nil {
			return fmt.Errorf("connect: %w", translate(err))
		}
		w.conn, w.q = conn, prepareOn(conn)
	}
	_, err := w.q.exec(ctx, "BEGIN IMMEDIATE")
	if err != nil && !busy(err) {
		w.drop()
	}
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	return nil
}

func (w *writer) commit(ctx context.Context) error {
	if _, err := w.q.exec(ctx, "COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	w.commits.Add(1)
	return nil
}

// drop closes the connection, whatever state it is in; the next batch opens another.
func (w *writer) drop() {
	if w.conn == nil {
		return
	}
	_ = w.q.close()
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = w.conn.Close()
	w.conn, w.q = nil, nil
}
