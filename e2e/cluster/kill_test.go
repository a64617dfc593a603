package cluster_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"postern/storage"
)

func TestKilledProcessesLoseNoLoginAndDoubleNone(t *testing.T) {
	t.Run("three on PostgreSQL", func(t *testing.T) { killThrough(threeOnPostgres(t), size(12, 200)) })
	t.Run("one on SQLite", func(t *testing.T) { killThrough(oneOnSQLite(t), size(12, 200)) })
}

// killThrough ends processes at random moments of a load, each time by SIGKILL.
func killThrough(w *world, kills int) {
	w.t.Helper()
	// Time enough for a kill while a mail's data is out and not answered.
	w.Sink.Slow(func() time.Duration { return time.Duration(rand.IntN(120)) * time.Millisecond })
	ld := w.startLoad(8)
	for range kills {
		rest(w.t.Context(), time.Duration(20+rand.IntN(400))*time.Millisecond)
		p := w.Processes[rand.IntN(len(w.Processes))]
		if err := p.Kill(); err != nil {
			w.t.Fatal(err)
		}
		if err := p.Start(); err != nil {
			w.t.Fatal(err)
		}
	}
	ld.end()
	ld.arriveAll()
	w.settle()
	mailed := ld.arriveAll()
	w.noFaults()
	w.checkMails(ld)
	w.checkWinners(ld)
	w.t.Logf("%d kills, %d logins begun, %d accepted, %d mailed; outbox: %s", kills, ld.tried, len(ld.accepted), mailed, w.outbox())
	if err := w.Stop(); err != nil {
		w.t.Error(err)
	}
	w.checkSwept()
}

// settle waits until no mail is to be sent any more. In a short run, the leases
// of the dead are ended rather than waited for.
func (w *world) settle() {
	w.t.Helper()
	open := func() bool {
		return w.count(`SELECT count(*) FROM outbox WHERE state IN ('queued', 'claimed', 'sending')`) > 0
	}
	if !full {
		rest(w.t.Context(), time.Second) // what the living send is out by then
		w.passTime()
	}
	within(w.t, time.Duration(size(15, 150))*time.Second, "every mail ends", func() bool { return !open() })
}

// passTime lets the leases lapse, as two minutes would.
func (w *world) passTime() {
	w.t.Helper()
	ago := `lease - interval '2 minutes'`
	if w.onSQLite() {
		ago = `lease - 120000000`
	}
	if _, err := w.db.ExecContext(w.t.Context(), `UPDATE outbox SET lease = `+ago+` WHERE state IN ('claimed', 'sending')`); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) onSQLite() bool { return strings.HasPrefix(w.database, "sqlite:") }

// checkMails compares what was accepted, what the outbox says became of it, and
// what the mail server has acknowledged.
func (w *world) checkMails(ld *load) {
	w.t.Helper()
	rows, err := w.db.QueryContext(w.t.Context(), `SELECT f.flow_id, f.address, o.outbox_id, o.state FROM flows f
		JOIN outbox o ON o.tenant_id = f.tenant_id AND o.flow_id = f.flow_id`)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	flows := map[string]string{}
	for rows.Next() {
		var flow, address, id, state string
		if err := rows.Scan(&flow, &address, &id, &state); err != nil {
			w.t.Fatal(err)
		}
		flows[flow] = state
		taken := 0
		for _, m := range w.Sink.Mails(address) {
			if strings.HasPrefix(m.ID, id) {
				taken++
			}
		}
		switch {
		case taken > 1:
			w.t.Errorf("%s was mailed %d times in one flow", address, taken)
		case state == "sent" && taken == 0:
			w.t.Errorf("%s is said to have been mailed", address)
		case taken == 1 && state != "sent" && state != "unknown":
			w.t.Errorf("%s was mailed, and the outbox says %s", address, state)
		case state != "sent" && state != "unknown" && state != "failed" && state != "dropped":
			w.t.Errorf("a mail to %s is left %s", address, state)
		}
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	for _, l := range ld.accepted {
		if _, there := flows[l.flow]; !there {
			w.t.Errorf("the login of %s was accepted and is gone", l.address)
		}
	}
	if len(ld.accepted) == 0 {
		w.t.Error("no login was accepted")
	}
}

func (w *world) outbox() string {
	rows, err := w.db.QueryContext(w.t.Context(), `SELECT state, count(*) FROM outbox GROUP BY state ORDER BY state`)
	if err != nil {
		return err.Error()
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var state string
		var n int
		if err := rows.Scan(&state, &n); err != nil {
			return err.Error()
		}
		all = append(all, fmt.Sprintf("%d %s", n, state))
	}
	if err := rows.Err(); err != nil {
		return err.Error()
	}
	return strings.Join(all, ", ")
}

// checkWinners looks for anything that was won twice. Every address has signed
// in by one flow, and a client's state names one authorization request.
func (w *world) checkWinners(ld *load) {
	w.t.Helper()
	for what, query := range map[string]string{
		"a person of two sessions":        `SELECT user_id FROM sessions GROUP BY user_id`,
		"a person of two logins":          `SELECT user_id FROM audit_events WHERE kind = 'login.completed' GROUP BY user_id`,
		"an address of two people":        `SELECT address FROM users GROUP BY tenant_id, address`,
		"an authorization of two answers": `SELECT user_id FROM grants GROUP BY user_id, request ->> 'state'`,
	} {
		if n := w.count(`SELECT count(*) FROM (` + query + ` HAVING count(*) > 1) AS twice`); n > 0 {
			w.t.Errorf("%d times: %s", n, what)
		}
	}
	won := 0
	for _, l := range ld.accepted {
		if l.won != "" {
			won++
		}
	}
	if won == 0 {
		w.t.Error("nobody has signed in")
	}
}

// lasting are the tables whose rows stay until somebody removes them.
var lasting = map[string]bool{
	"tenants": true, "clients": true, "users": true, "signing_keys": true, "audit_events": true,
	"goose_db_version": true, "sqlite_sequence": true,
}

// checkSwept has the janitor come long after everything is over.
func (w *world) checkSwept() {
	w.t.Helper()
	store, err := storage.Open(w.t.Context(), w.database)
	if err != nil {
		w.t.Fatal(err)
	}
	defer store.Close()
	for gone := -1; gone != 0; {
		if gone, err = store.Sweep(w.t.Context(), time.Now().AddDate(3, 0, 0), 1000); err != nil {
			w.t.Fatal(err)
		}
	}
	swept := 0
	for _, table := range w.tables() {
		if lasting[table] {
			continue
		}
		swept++
		if n := w.count(`SELECT count(*) FROM ` + table); n > 0 {
			w.t.Errorf("%d rows of %s are never swept", n, table)
		}
	}
	if swept < 6 {
		w.t.Errorf("these are not the tables: %v", w.tables())
	}
}

func (w *world) tables() []string {
	w.t.Helper()
	query := `SELECT tablename FROM pg_tables WHERE schemaname = current_schema()`
	if w.onSQLite() {
		query = `SELECT name FROM sqlite_master WHERE type = 'table'`
	}
	rows, err := w.db.QueryContext(w.t.Context(), query)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			w.t.Fatal(err)
		}
		all = append(all, name)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return all
}
