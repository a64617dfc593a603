package postgres_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"postern/idp"
	"postern/storage/postgres"
	"postern/storage/postgres/pgtest"
)

// Each update of a login stays in its page, but for a mail's last one, and a
// redemption that lengthens the grant's life by a refresh token's.
func TestHotPathsUpdateInPlace(t *testing.T) {
	t.Parallel()
	url := migrated(t, pgtest.URL(t))
	store, err := postgres.Open(t.Context(), postgres.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	shop := newShop(t, store)
	const logins = 30
	for range logins {
		shop.login("person@example.org")
	}
	_ = store.Close() // with its connections, the servers' counts come in
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	const query = `SELECT n_tup_upd, n_tup_upd - n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = $1::text::regclass`
	for table, want := range map[string]struct{ updates, moves int64 }{
		"flows":  {2 * logins, 0},
		"grants": {2 * logins, logins},
		"outbox": {3 * logins, logins},
		"users":  {0, 0},
	} {
		var updates, moves int64
		for updates < want.updates { // a server's last counts come in as it ends
			if err := conn.QueryRow(t.Context(), query, table).Scan(&updates, &moves); err != nil {
				t.Fatal(err)
			}
		}
		// A page may be full now and then.
		if updates != want.updates || moves > want.moves+want.updates/10 {
			t.Errorf("%s: %d updates, %d of which moved the row; want %d and about %d", table, updates, moves, want.updates, want.moves)
		}
	}
}

func TestTextThatPostgreSQLCannotHold(t *testing.T) {
	t.Parallel()
	store := open(t, migrated(t, pgtest.URL(t)))
	shop, ctx := newShop(t, store), t.Context()
	for name, c := range map[string]struct{ state, want string }{
		"the character NUL":                 {"a\x00b", "a\ufffdb"},
		"what looks like its escape":        {`a\u0000b`, `a\u0000b`},
		"a backslash before the character":  {"a\\\x00", "a\\\ufffd"},
		"bytes that are no UTF-8":           {"a\xffb", "a\ufffdb"},
		"text of another writing, and more": {"Zürich ✓ <&>\u2028", "Zürich ✓ <&>\u2028"},
	} {
		t.Run(name, func(t *testing.T) {
			id := idp.FlowID(idp.NewID(now))
			flow := idp.Flow{TenantID: shop.tenant.ID, ID: id, Request: idp.AuthRequest{ClientID: "app", State: c.state}, Expires: now}
			_, err := store.StartFlow(ctx, idp.NewFlow{Flow: flow, Mail: idp.OutboxEntry{ID: idp.OutboxID(idp.NewID(now)), Expires: now}})
			shop.must(err)
			got, err := store.FindFlow(ctx, shop.tenant.ID, id)
			shop.must(err)
			if got.Request.State != c.want {
				t.Errorf("state %q, want %q", got.Request.State, c.want)
			}
		})
	}
	for name, find := range map[string]func() error{
		"a slug":      func() error { _, err := store.FindTenantBySlug(ctx, "a\x00"); return err },
		"a client":    func() error { _, err := store.FindClient(ctx, shop.tenant.ID, "\xff"); return err },
		"a flow":      func() error { _, err := store.FindFlow(ctx, shop.tenant.ID, "no uuid"); return err },
		"a tenant id": func() error { _, err := store.FindFlow(ctx, "x", idp.FlowID(idp.NewID(now))); return err },
	} {
		t.Run(name+" that cannot be", func(t *testing.T) {
			if err := find(); !isNotFound(err) {
				t.Errorf("%v, want ErrNotFound", err)
			}
		})
	}
}

func isNotFound(err error) bool { return errors.Is(err, idp.ErrNotFound) }
