package main

import (
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"

	"postern/idp"
	"postern/keys"
	"postern/limit"
	"postern/storage"
)

var writeRoutes = flag.Bool("write-routes", false, "write testdata/routes.txt anew")

// The table is what the attacks on every endpoint are generated from, so it must
// be that of the router that serves.
func TestRoutesAreWrittenDown(t *testing.T) {
	const file = "testdata/routes.txt"
	got := walk(t, servedRouter(t))
	if *writeRoutes {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("routes have changed; `go test ./cmd/postern -run RoutesAreWrittenDown -write-routes` writes %s anew, "+
			"then e2e/attacks asks for what a new one refuses:\n%s", file, diff)
	}
}

// servedRouter wires the program as serve does.
func servedRouter(t *testing.T) chi.Router {
	t.Helper()
	master, err := keys.CreateMaster(filepath.Join(t.TempDir(), "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	from, err := idp.ParseAddress("login@login.example")
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{stdout: io.Discard, stderr: io.Discard, clock: time.Now, log: slog.New(slog.DiscardHandler)}
	database := "sqlite://" + filepath.Join(t.TempDir(), "postern.db")
	if err := storage.Migrate(t.Context(), database); err != nil {
		t.Fatal(err)
	}
	store, err := storage.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	a, err := newApp(term, store, settings{
		public: &url.URL{Scheme: "https", Host: "login.example"}, rules: limit.Default(),
		from: idp.MailFrom{Address: from}, box: keys.NewBox(master),
	})
	if err != nil {
		t.Fatal(err)
	}
	router, ok := a.routes(nil).(chi.Router)
	if !ok {
		t.Fatal("the program is not served by a chi router")
	}
	return router
}

// walk gives each pattern with its methods, a line each; a pattern that takes
// all and chooses itself is marked *.
func walk(t *testing.T, r chi.Router) string {
	t.Helper()
	methods := map[string][]string{}
	err := chi.Walk(r, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		methods[route] = append(methods[route], method)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for route, taken := range methods {
		slices.Sort(taken)
		text := strings.Join(slices.Compact(taken), ",")
		if slices.Contains(taken, http.MethodTrace) {
			text = "*"
		}
		lines = append(lines, route+" "+text+"\n")
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}
