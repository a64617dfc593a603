package e2e_test

import (
	"database/sql"
	"net/http"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite" // the driver that the database is read with

	"postern/e2e/harness"
)

func TestTenThousandAuthorizesLeaveNoRow(t *testing.T) {
	t.Parallel()
	s := harness.StartFor(t, binary)
	c := newClient(t, s)
	target := c.request("login_hint", "ada@example.com").url
	if p := newBrowser(t).Get(target); p.Status != http.StatusOK {
		t.Fatalf("status %d:\n%s", p.Status, p.Body)
	}
	before := rows(t, s)
	const all, workers = 10_000, 8
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range all / workers {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
				if err != nil {
					t.Error(err)
					return
				}
				answer, err := plain.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				answer.Body.Close()
				if answer.StatusCode != http.StatusSeeOther {
					t.Errorf("status %d", answer.StatusCode)
					return
				}
			}
		})
	}
	wg.Wait()
	if diff := cmp.Diff(before, rows(t, s)); diff != "" {
		t.Error(diff)
	}
	if got := s.Mails(t, "ada@example.com"); len(got) != 0 {
		t.Errorf("a login_hint brought %d mails", len(got))
	}
}

// rows counts every table of the server's database, which it reads beside it.
func rows(t *testing.T, s *harness.Server) map[string]int {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.Data, "postern.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	found, err := db.QueryContext(t.Context(), "SELECT name FROM sqlite_master WHERE type = 'table'")
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	counts := map[string]int{}
	for found.Next() {
		var name string
		if err := found.Scan(&name); err != nil {
			t.Fatal(err)
		}
		counts[name] = -1
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	for name := range counts {
		var n int
		if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM "`+name+`"`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		counts[name] = n
	}
	if len(counts) < 5 {
		t.Fatalf("this is not the whole database: %v", counts)
	}
	return counts
}
