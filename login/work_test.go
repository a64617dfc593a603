package login_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/idp"
	"postern/login"
)

// wanting makes a tenant want work.
func (w *world) wanting(work idp.Work) {
	w.t.Helper()
	w.acme.Settings.Work = work
	must(w.t, w.db.UpdateTenant(w.t.Context(), w.acme))
}

// altcha is what ALTCHA's own libraries read and write.
type altcha struct {
	Algorithm string `json:"algorithm"`
	Challenge string `json:"challenge"`
	MaxNumber int64  `json:"maxnumber,omitempty"`
	Salt      string `json:"salt"`
	Signature string `json:"signature"`
	Number    *int64 `json:"number,omitempty"`
}

func taskOf(t *testing.T, p page) altcha {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(p.form(t, "/auth/login").fields.Get("altcha"))
	must(t, err)
	var task altcha
	must(t, json.Unmarshal(raw, &task))
	return task
}

func (a altcha) text(t *testing.T) string {
	t.Helper()
	raw, err := json.Marshal(a)
	must(t, err)
	return base64.StdEncoding.EncodeToString(raw)
}

func (a altcha) hash(n int64) string {
	sum := sha256.Sum256([]byte(a.Salt + strconv.FormatInt(n, 10)))
	return hex.EncodeToString(sum[:])
}

func (a altcha) solved(t *testing.T) altcha {
	t.Helper()
	for n := range a.MaxNumber + 1 {
		if a.hash(n) == a.Challenge {
			a.Number = &n
			return a
		}
	}
	t.Fatalf("no number up to %d solves %+v", a.MaxNumber, a)
	return a
}

// handIn posts the page's form with an address and what is handed in.
func (b *browser) handIn(p page, address, text string) page {
	b.t.Helper()
	return b.submit(p, "/auth/login", url.Values{"email": {address}, "altcha": {text}})
}

// asked is the page that was shown again: it keeps the address and has a task.
func (p page) asked(t *testing.T, address string) page {
	t.Helper()
	p.want(t, http.StatusTooManyRequests)
	form := p.form(t, "/auth/login")
	if form.fields.Get("altcha") == "" || form.fields.Get("email") != address || p.header.Get("Retry-After") == "" {
		t.Fatalf("shown again without task, address or Retry-After: %v", form.fields)
	}
	return p
}

func TestWorkThatWasDoneLetsALoginIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wanting(idp.WorkAlways)
	b := w.browser()
	p := b.get(w.loginPath(w.acme, w.request("web")))
	task := taskOf(t, p)
	if task.Algorithm != "SHA-256" || task.MaxNumber < 50_000 || !strings.HasSuffix(task.Salt, "&") || task.Number != nil {
		t.Errorf("%+v", task)
	}
	b.handIn(p, "ann@example.org", task.solved(t).text(t)).want(t, http.StatusSeeOther)
	b.submit(b.get(w.send()), "/auth/verify", nil).answered(t, "web")
	again := b.get(w.loginPath(w.acme, w.request("web"))) // by a browser that is known now
	if again.form(t, "/auth/login").fields.Has("altcha") {
		t.Error("a known browser is set a task")
	}
	b.submit(again, "/auth/login", url.Values{"email": {"ann@example.org"}}).want(t, http.StatusSeeOther)
	b.submit(again, "/auth/login", url.Values{"email": {"bob@example.org"}}).asked(t, "bob@example.org")
}

func TestWorkThatCountsForNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wanting(idp.WorkAlways)
	b := w.browser()
	open := func(b *browser) (page, altcha) {
		p := b.get(w.loginPath(w.acme, w.request("web")))
		return p, taskOf(t, p)
	}
	p, task := open(b)
	solved := task.solved(t)
	_, other := open(b)
	_, foreign := open(w.browser())
	later := time.Unix(w.clock.Now().Unix(), 0).Add(time.Hour).Unix()
	changed := func(change func(*altcha)) string {
		a := solved
		change(&a)
		return a.text(t)
	}
	easy := solved
	easy.Number = new(int64)
	easy.Challenge = easy.hash(0)
	wrong := *solved.Number + 1
	minus := -*solved.Number - 1
	tests := map[string]string{
		"none":                          "",
		"no base64":                     "%%%",
		"no JSON":                       base64.StdEncoding.EncodeToString([]byte("{")),
		"too much":                      strings.Repeat("A", 4096),
		"a wrong number":                changed(func(a *altcha) { a.Number = &wrong }),
		"a number below none":           changed(func(a *altcha) { a.Number = &minus }),
		"an easier task of one's own":   easy.text(t),
		"without its signature":         changed(func(a *altcha) { a.Signature = "" }),
		"another algorithm":             changed(func(a *altcha) { a.Algorithm = "SHA-1" }),
		"another's signature":           changed(func(a *altcha) { a.Signature = other.Signature }),
		"another browser's":             foreign.solved(t).text(t),
		"another form's":                other.solved(t).text(t),
		"a longer life":                 changed(func(a *altcha) { a.Salt = a.Salt[:strings.Index(a.Salt, "=")+1] + strconv.FormatInt(later, 10) + "&" }),
		"a number's digit in its time":  changed(spliced),
		"unsolved, before the wait":     task.text(t),
		"unsolved, with a foreign task": foreign.text(t),
	}
	w.store.drain()
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		t.Run(name, func(t *testing.T) {
			b.handIn(p, "ann@example.org", tests[name]).asked(t, "ann@example.org")
		})
	}
	for _, call := range w.store.drain() {
		if !strings.HasPrefix(call, "Find") {
			t.Errorf("without work the store is asked to %s", call)
		}
	}
	if len(w.limits.asked) > 0 {
		t.Errorf("without work %v is counted", w.limits.asked)
	}
	w.clock.advance(idp.WorkLife)
	b.handIn(p, "ann@example.org", solved.text(t)).asked(t, "ann@example.org")
}

// spliced moves the number's first digit into the time, where it would make it later.
func spliced(a *altcha) {
	digits := strconv.FormatInt(*a.Number, 10)
	a.Salt = strings.TrimSuffix(a.Salt, "&") + digits[:1]
	rest, _ := strconv.ParseInt("0"+digits[1:], 10, 64)
	a.Number = &rest
}

func TestATaskOfAnotherTenantCountsForNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wanting(idp.WorkAlways)
	w.zeta.Settings.Work = idp.WorkAlways
	must(t, w.db.UpdateTenant(t.Context(), w.zeta))
	b := w.browser()
	there := taskOf(t, b.get(w.loginPath(w.zeta, w.request("web")))).solved(t)
	b.handIn(b.get(w.loginPath(w.acme, w.request("web"))), "ann@example.org", there.text(t)).asked(t, "ann@example.org")
}

// One task lets one login in, over any number of processes, also after that is done.
func TestOneTaskLetsOneLoginIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wanting(idp.WorkAlways)
	b := w.browser()
	p := b.get(w.loginPath(w.acme, w.request("web")))
	text := taskOf(t, p).solved(t).text(t)
	let, handlers := atomic.Int32{}, []http.Handler{w.handler, w.route(w.newHandler())}
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			with := url.Values{"email": {"user" + strconv.Itoa(i) + "@example.org"}, "altcha": {text}}
			if b.through(handlers[i%2], p, with) == http.StatusSeeOther {
				let.Add(1)
			}
		})
	}
	all.Wait()
	if let.Load() != 1 {
		t.Errorf("one task let %d logins in", let.Load())
	}
	if w.limits.counted != 9 {
		t.Errorf("%d of 9 that were spent are counted", w.limits.counted)
	}
}

// through posts a form of a page to one of several processes.
func (b *browser) through(h http.Handler, p page, with url.Values) (status int) {
	other := *b.w
	other.handler = h
	its := *b
	its.w = &other
	return its.submit(p, "/auth/login", with).status
}

func TestAFormWithWorkSentTwiceAsksOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wanting(idp.WorkAlways)
	b := w.browser()
	p := b.get(w.loginPath(w.acme, w.request("web")))
	text := taskOf(t, p).solved(t).text(t)
	first, second := b.handIn(p, "ann@example.org", text), b.handIn(p, "ann@example.org", text)
	second.want(t, http.StatusSeeOther)
	if first.location != second.location {
		t.Errorf("a double click waits at %s and %s", first.location, second.location)
	}
	b.submit(b.get(w.send()), "/auth/verify", nil).answered(t, "web")
	b.drop("known")
	b.handIn(p, "ann@example.org", text).asked(t, "ann@example.org") // the back button, after all is done
}

func TestWithoutAScriptOneWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wanting(idp.WorkAlways)
	b := w.browser()
	p := b.get(w.loginPath(w.acme, w.request("web")))
	w.clock.advance(5 * time.Second)
	early := b.submit(p, "/auth/login", url.Values{"email": {"ann@example.org"}}).asked(t, "ann@example.org")
	if early.header.Get("Retry-After") != "15" || !strings.Contains(early.body, "15 seconds") {
		t.Errorf("Retry-After %s", early.header.Get("Retry-After"))
	}
	typo := b.submit(early, "/auth/login", url.Values{"email": {"ann"}})
	typo.want(t, http.StatusUnprocessableEntity)
	w.clock.advance(15 * time.Second) // the wait did not begin anew
	neighbour := w.browser()
	theirs := neighbour.get(w.loginPath(w.acme, w.request("web")))
	b.submit(typo, "/auth/login", url.Values{"email": {"ann@example.org"}}).want(t, http.StatusSeeOther)
	b.submit(b.get(w.send()), "/auth/verify", nil).answered(t, "web")

	// A network goes one after the other, whatever it has waited for at once.
	far := w.browser()
	far.peer = "203.0.113.9:50000"
	there := far.get(w.loginPath(w.acme, w.request("web")))
	w.clock.advance(idp.WorkWait)
	neighbour.submit(theirs, "/auth/login", url.Values{"email": {"bob@example.org"}}).want(t, http.StatusSeeOther)
	third := w.browser()
	third.submit(there, "/auth/login", url.Values{"email": {"eve@example.org"}}).want(t, http.StatusForbidden) // another's form
	far.submit(there, "/auth/login", url.Values{"email": {"dan@example.org"}}).want(t, http.StatusSeeOther)
	far.submit(there, "/auth/login", url.Values{"email": {"eve@example.org"}}).asked(t, "eve@example.org")
}

func TestOfThoseWhoWaitInOneNetworkOneIsLetInAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wanting(idp.WorkAlways)
	pages := map[*browser]page{}
	for range 5 {
		b := w.browser()
		pages[b] = b.get(w.loginPath(w.acme, w.request("web")))
	}
	w.clock.advance(idp.WorkWait)
	let := 0
	for b, p := range pages {
		if b.submit(p, "/auth/login", url.Values{"email": {"ann@example.org"}}).status == http.StatusSeeOther {
			let++
		}
	}
	if let != 1 {
		t.Errorf("%d of 5 who waited at once are let in", let)
	}
}

// Below the share nobody notices; above it everybody works but known browsers.
func TestAShareAsksForWorkOnceTheLimitsSaySo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wanting("50%")
	b := w.browser()
	p := b.get(w.loginPath(w.acme, w.request("web")))
	if p.form(t, "/auth/login").fields.Has("altcha") {
		t.Error("a task before there is much asking")
	}
	b.submit(p, "/auth/login", url.Values{"email": {"ann@example.org"}}).want(t, http.StatusSeeOther)
	w.limits.busy = true
	for _, address := range []string{"ann@example.org", "nobody@example.org"} {
		again := b.submit(p, "/auth/login", url.Values{"email": {address}}).asked(t, address)
		b.handIn(again, address, taskOf(t, again).solved(t).text(t)).want(t, http.StatusSeeOther)
	}
}

func TestTheHookHearsWhatBecomesOfTasks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wanting(idp.WorkAlways)
	heard := map[string]int{}
	config := w.config()
	config.OnWork = func(outcome string) { heard[outcome]++ }
	h, err := login.New(config)
	must(t, err)
	w.handler = w.route(h)
	b := w.browser()
	p := b.get(w.loginPath(w.acme, w.request("web")))
	text := taskOf(t, p).solved(t).text(t)
	b.handIn(p, "ann@example.org", text)
	waiting := b.handIn(p, "bob@example.org", text).asked(t, "bob@example.org")
	w.clock.advance(idp.WorkWait)
	b.submit(waiting, "/auth/login", url.Values{"email": {"bob@example.org"}}).want(t, http.StatusSeeOther)
	if want := map[string]int{"asked": 2, "solved": 1, "failed": 1, "waited": 1}; !maps.Equal(heard, want) {
		t.Errorf("heard %v, want %v", heard, want)
	}
}

// What was handed in is remembered by the flow that it let in.
func TestATaskDiesBeforeTheFlowThatItLetIn(t *testing.T) {
	shortest := idp.Tenant{Settings: idp.TenantSettings{LinkLife: idp.Duration(idp.MinLinkLife)}}
	if idp.WorkLife >= shortest.FlowLife() {
		t.Errorf("a task lives %s, a flow %s", idp.WorkLife, shortest.FlowLife())
	}
}
