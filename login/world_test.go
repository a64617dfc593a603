package login_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"postern/edge"
	"postern/idp"
	"postern/keys"
	"postern/login"
	"postern/storage/sqlite"
	"postern/templates"
)

const public = "https://login.example"

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is an instance with two tenants, acme and zeta, and the same apps in each.
type world struct {
	t       testing.TB
	public  string
	clock   *clock
	db      *sqlite.Store
	store   *spy
	box     *keys.Box
	limits  *limits
	outbox  *outbox
	pages   *templates.Set
	log     *bytes.Buffer
	logger  *slog.Logger // to log: one for all handlers, for it is what takes turns
	handler http.Handler
	acme    idp.Tenant
	zeta    idp.Tenant
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	return newWorldAt(tb, public)
}

func newWorldAt(tb testing.TB, publicURL string) *world {
	tb.Helper()
	w := &world{
		t: tb, public: publicURL, clock: &clock{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)},
		limits: new(limits), outbox: new(outbox), log: new(bytes.Buffer),
	}
	w.logger = slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	empty, err := emptyDatabase()
	must(tb, err)
	path := filepath.Join(tb.TempDir(), "postern.db")
	must(tb, os.WriteFile(path, empty, 0o600))
	w.db, err = sqlite.Open(tb.Context(), sqlite.Config{Path: path})
	must(tb, err)
	tb.Cleanup(func() { must(tb, w.db.Close()) })
	w.store = &spy{Store: w.db}
	secret := idp.NewSecret()
	master, err := keys.ParseMaster(base64.StdEncoding.EncodeToString(secret.Bytes()))
	must(tb, err)
	w.box = keys.NewBox(master)
	w.pages, err = allPages()
	must(tb, err)
	w.acme, w.zeta = w.tenant("acme"), w.tenant("zeta")
	w.handler = w.route(w.newHandler())
	return w
}

// Both are made once: they are the same for every test, and dear under -race.
var (
	allPages      = sync.OnceValues(templates.New)
	emptyDatabase = sync.OnceValues(func() ([]byte, error) {
		dir, err := os.MkdirTemp("", "postern-login")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		config := sqlite.Config{Path: filepath.Join(dir, "empty.db")}
		if err := sqlite.Migrate(context.Background(), config); err != nil {
			return nil, err
		}
		return os.ReadFile(config.Path)
	})
)

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func (w *world) tenant(slug string) idp.Tenant {
	w.t.Helper()
	now := w.clock.Now()
	tenant := idp.Tenant{ID: idp.TenantID(idp.NewID(now)), Slug: slug, Name: slug + " Works", CreatedAt: now}
	must(w.t, w.db.CreateTenant(w.t.Context(), tenant))
	confidential := idp.ClientMetadata{AuthMethods: []idp.AuthMethod{idp.AuthBasic}}
	public := idp.ClientMetadata{AuthMethods: []idp.AuthMethod{idp.AuthNone}}
	w.client(tenant, "web", confidential)
	w.client(tenant, "spa", public)
	confidential.ThirdParty = true
	confidential.InitiateLoginURI = "https://third.example/start?x=1"
	w.client(tenant, "third", confidential)
	return tenant
}

func (w *world) client(t idp.Tenant, id idp.ClientID, m idp.ClientMetadata) {
	w.t.Helper()
	m.Name = "App " + string(id)
	m.GrantTypes = []string{idp.GrantAuthorizationCode, idp.GrantRefreshToken}
	m.RedirectURIs = []string{callback(id)}
	m.ClientURI = "https://" + string(id) + ".example/"
	c := idp.Client{TenantID: t.ID, ID: id, Metadata: m, CreatedAt: w.clock.Now()}
	if !c.Public() {
		c.Secrets = []idp.Digest{idp.NewSecret().Digest()}
	}
	must(w.t, c.Validate())
	must(w.t, w.db.CreateClient(w.t.Context(), c))
}

func callback(id idp.ClientID) string { return "https://" + string(id) + ".example/cb" }

func (w *world) newHandler() *login.Handler {
	w.t.Helper()
	h, err := login.New(w.config())
	must(w.t, err)
	return h
}

func (w *world) config() login.Config {
	return login.Config{
		PublicURL: w.public, Store: w.store, Sealer: w.box, Limits: w.limits, Courier: w.outbox,
		Sessions:  login.NewSessions(w.store, w.box, w.public, w.clock.Now),
		Responder: responder{}, Pages: w.pages, Clock: w.clock.Now,
		Log: w.logger,
	}
}

// route mounts the pages as the program does, with two pages of our own beside
// them: who is signed in, and signing out.
func (w *world) route(h *login.Handler) http.Handler {
	publicURL, err := url.Parse(w.public)
	must(w.t, err)
	guard := &edge.Guard{Tenants: w.db, PublicURL: publicURL, Pages: w.pages, Log: h.Log}
	r := chi.NewRouter()
	r.Use((&edge.Recorder{Log: h.Log, Clock: w.clock.Now, Pages: w.pages}).Record, edge.Proxies(nil).Resolve)
	r.Route("/t/{tenant}", func(r chi.Router) {
		r.Use(guard.Path)
		h.Routes(r)
		r.Get("/whoami", func(rw http.ResponseWriter, req *http.Request) {
			session, user, err := h.Sessions.Current(req)
			switch {
			case errors.Is(err, idp.ErrNotFound):
				rw.WriteHeader(http.StatusUnauthorized)
			case err != nil:
				rw.WriteHeader(http.StatusInternalServerError)
			default:
				_, _ = rw.Write([]byte(string(user.Address) + " " + session.ACR))
			}
		})
		r.Get("/signout", func(rw http.ResponseWriter, req *http.Request) {
			session, _, err := h.Sessions.Current(req)
			if err == nil {
				err = h.Sessions.End(rw, req, session)
			}
			if err != nil {
				rw.WriteHeader(http.StatusInternalServerError)
			}
		})
	})
	r.Group(func(r chi.Router) {
		r.Use(guard.Host)
		h.Routes(r)
	})
	return r
}

// request is the authorization request of an app, as the provider seals it.
func (w *world) request(client idp.ClientID) idp.AuthRequest {
	return idp.AuthRequest{
		ClientID: client, RedirectURI: callback(client), Scope: []string{"openid", "email"},
		State: "st4te", Nonce: "n0nce", ReceivedAt: w.clock.Now(),
	}
}

func (w *world) seal(t idp.Tenant, req idp.AuthRequest) string {
	w.t.Helper()
	text, err := json.Marshal(req)
	must(w.t, err)
	return w.box.Seal(t.ID, idp.PurposeAuthRequest, text)
}

func (w *world) loginPath(t idp.Tenant, req idp.AuthRequest) string {
	return "/t/" + t.Slug + "/auth/login?request=" + w.seal(t, req)
}

// serve answers one request without a network.
func (w *world) serve(r *http.Request) *http.Response {
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	return recorder.Result()
}

// send does what the mail worker does for the newest entry, less the mail. It
// gives the path of the link, or nothing where no mail goes out.
func (w *world) send() string {
	w.t.Helper()
	ref := w.outbox.take(w.t)
	now := w.clock.Now()
	claimed, err := w.db.ClaimMail(w.t.Context(), ref, time.Minute, now)
	must(w.t, err)
	if !claimed.Deliverable() {
		w.finish(claimed, idp.OutboxDropped)
		return ""
	}
	token := idp.NewCredential(idp.NewID(now))
	link := idp.Link{
		TenantID: ref.TenantID, ID: token.ID, FlowID: claimed.Flow.ID, ClientID: claimed.Client.ID,
		Verifier: token.Secret.Digest(), SentAt: now, Expires: now.Add(claimed.Tenant.LinkLife()),
	}
	must(w.t, w.db.BeginSending(w.t.Context(), ref.ID, claimed.Entry.Attempt, link, time.Minute))
	w.finish(claimed, idp.OutboxSent)
	return "/t/" + claimed.Tenant.Slug + "/auth/verify?token=" + token.Reveal()
}

func (w *world) finish(m idp.ClaimedMail, state idp.OutboxState) {
	w.t.Helper()
	result := idp.MailResult{ID: m.Entry.ID, Attempt: m.Entry.Attempt, State: state, At: w.clock.Now()}
	_, err := w.db.FinishMails(w.t.Context(), m.Entry.TenantID, []idp.MailResult{result})
	must(w.t, err)
}

// tokenOf gives the token in a link's path.
func tokenOf(tb testing.TB, link string) string {
	tb.Helper()
	u, err := url.Parse(link)
	must(tb, err)
	return u.Query().Get("token")
}

// redeem takes in the code that an answer carried and tells whose it is.
func (w *world) redeem(client idp.ClientID, t idp.Tenant, code string) (idp.Grant, idp.User, error) {
	w.t.Helper()
	credential, err := idp.ParseCredential(code)
	must(w.t, err)
	return w.db.RedeemCode(w.t.Context(), idp.Redemption{
		TenantID: t.ID, GrantID: idp.GrantID(credential.ID), Code: credential.Secret.Digest(),
		ClientID: client, RedirectURI: callback(client), Now: w.clock.Now(),
	})
}

// logins counts the completed logins in a tenant's audit log.
func (w *world) logins(t idp.Tenant) int {
	w.t.Helper()
	return w.events(t, idp.EventLogin)
}

// events counts those of a kind in a tenant's audit log.
func (w *world) events(t idp.Tenant, kind idp.EventKind) int {
	w.t.Helper()
	events, err := w.db.ListEvents(w.t.Context(), t.ID, 1000)
	must(w.t, err)
	n := 0
	for _, e := range events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}
