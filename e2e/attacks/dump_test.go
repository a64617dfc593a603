package attacks_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"postern/idp"
)

// place is where something secret is presented, and how it shows that it counts.
type place struct {
	name   string
	put    func(value string) attempt
	counts func(answer, string) bool
}

func ok(got answer, _ string) bool {
	return got.Status == http.StatusOK || got.Status == http.StatusCreated
}

// places are all that a tenant reads a secret from.
func (c client) places(pending *login, cookies map[string]string) []place {
	flow := pending.waiting.URL.Query().Get("flow")
	bearer := func(path, method string) func(string) attempt {
		return func(v string) attempt {
			return attempt{
				method: method, path: path, body: `{"redirect_uris":["` + callback + `"]}`,
				header: map[string]string{"Authorization": "Bearer " + v, "Content-Type": "application/json"},
			}
		}
	}
	return []place{
		{"session cookie", func(v string) attempt {
			values := authorizeValues(c.app)
			values.Set("prompt", "none")
			return attempt{method: http.MethodGet, path: "/authorize", values: values, cookies: map[string]string{"session": v}}
		}, func(got answer, _ string) bool { return strings.Contains(got.Location, "code") }},
		{"browser cookie", func(v string) attempt {
			return attempt{method: http.MethodGet, path: "/auth/waiting", values: url.Values{"flow": {flow}}, cookies: map[string]string{"browser": v}}
		}, ok},
		{"link token", func(v string) attempt {
			return attempt{method: http.MethodGet, path: "/auth/verify", values: url.Values{"token": {v}}, cookies: cookies}
		}, ok},
		{"authorization code", func(v string) attempt {
			return attempt{method: http.MethodPost, path: "/token", values: appValues(c.app, pending.spend(v))}
		}, ok},
		{"refresh token", func(v string) attempt {
			return attempt{method: http.MethodPost, path: "/token", values: appValues(c.app, renew(v))}
		}, ok},
		{"client secret", func(v string) attempt {
			return attempt{
				method: http.MethodPost, path: "/introspect", values: url.Values{"token": {"x"}},
				header: map[string]string{"Authorization": basic(c.ID, v)},
			}
		}, ok},
		{"access token", bearer("/userinfo", http.MethodGet), ok},
		{"initial access token", bearer("/register", http.MethodPost), ok},
		{"registration token", bearer("/register/"+c.ID, http.MethodGet), ok},
		{"pushed request", func(v string) attempt {
			return attempt{method: http.MethodGet, path: "/authorize", values: url.Values{
				"client_id": {c.ID}, "request_uri": {pushedURI + v},
			}}
		}, func(got answer, _ string) bool {
			return got.Status == http.StatusSeeOther && !strings.Contains(got.Location, "error")
		}},
	}
}

// Threat 11: who has a copy of the database presents each of its columns, as it
// is and in every form that a secret has, wherever one is read.
func TestColumnsOfADumpPresentedAsSecretsCountNowhere(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.apart(t, "registration=token")
		w.run(t, "client", "token", "--tenant", c.tenant.Slug, "--uses", "5")
		l, code := c.signIn(t)
		redeem(t, c.tenant, code, l.request.verifier)
		l.again(t) // a code that nobody has redeemed
		pending := c.begin(t, browse(t), newAddress())
		link := pending.link(t)
		cookies := cookiesOf(pending.browser, c.tenant)
		stolen := w.dump(t, c.tenant.ID)
		if len(stolen) < 100 {
			t.Fatalf("a dump of %d values", len(stolen))
		}
		for _, p := range c.places(pending, cookies) {
			for value, column := range stolen {
				if strings.ContainsFunc(value, unprintable) {
					continue // no header and no cookie can hold it
				}
				if got, text := c.tenant.send(t, p.put(value)); p.counts(got, text) {
					t.Errorf("%s counts as a %s", column, p.name)
				}
			}
		}
		// What is good counts in the same places, or this proves nothing.
		// The tokens are of a later grant: a secret that is not the newest of its
		// grant ends it, and those of the dump did.
		later, code := c.signIn(t)
		tokens := redeem(t, c.tenant, code, later.request.verifier)
		good := map[string]string{
			"session cookie": cookiesOf(l.browser, c.tenant)["session"], "browser cookie": cookies["browser"],
			"link token": link[strings.Index(link, "token=")+len("token="):], "access token": tokens["access_token"],
			"client secret": c.Secret, "refresh token": tokens["refresh_token"],
		}
		for _, p := range c.places(pending, cookies) {
			if value, there := good[p.name]; there {
				if got, text := c.tenant.send(t, p.put(value)); !p.counts(got, text) {
					t.Errorf("a good %s does not count either: %v", p.name, got)
				}
			}
		}
	})
}

func unprintable(r rune) bool {
	return r <= ' ' || r >= 0x7f || r == '"' || r == ';' || r == '\\' || r == ','
}

// dump gives all values of a tenant's rows, in every form that they might be
// presented in, with the column that each is from.
func (w *world) dump(t *testing.T, tenantID string) map[string]string {
	t.Helper()
	values := map[string]string{}
	for _, table := range w.tables(t) {
		if strings.HasPrefix(table, "goose") || table == "limits" { // the first is the schema's, the other of no tenant
			continue
		}
		w.dumpTable(t, values, table, tenantID)
	}
	return values
}

func (w *world) dumpTable(t *testing.T, values map[string]string, table, tenantID string) {
	t.Helper()
	rows, err := w.db.QueryContext(t.Context(), `SELECT * FROM "`+table+`" WHERE tenant_id = $1`, tenantID)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for i, value := range row {
			forms(values, table+"."+columns[i], value, row)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// forms adds a value as it is, in the spellings of bytes, and as the secret of a
// credential that is named by each id of its row.
func forms(values map[string]string, column string, value any, row []any) {
	raw, isBytes := value.([]byte)
	if !isBytes {
		values[fmt.Sprint(value)] = column
		return
	}
	values[hex.EncodeToString(raw)] = column + " in hexadecimal"
	values[base64.RawURLEncoding.EncodeToString(raw)] = column + " in base64url"
	values[base64.StdEncoding.EncodeToString(raw)] = column + " in base64"
	values[string(raw)] = column
	secret, err := idp.SecretFromBytes(raw)
	if err != nil {
		return
	}
	for _, name := range row {
		id := fmt.Sprint(name)
		if b, isText := name.([]byte); isText {
			id = string(b)
		}
		if len(id) == 36 && strings.Count(id, "-") == 4 {
			values[idp.Credential{ID: id, Secret: secret}.Reveal()] = column + " as a secret"
		}
	}
}
