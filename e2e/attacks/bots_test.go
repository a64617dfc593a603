package attacks_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"postern/e2e/harness"
)

// hired does the work that a page asks for, as any solver of ALTCHA's does, and
// hands in a number that is off by so much.
func hired(t *testing.T, p *harness.Page, off int) url.Values {
	t.Helper()
	field, _ := p.FormTo(t, "/auth/login").Field("altcha")
	raw, err := base64.StdEncoding.DecodeString(field.Value)
	if err != nil {
		t.Fatal(err)
	}
	var task map[string]any
	decode(t, raw, &task)
	salt, challenge := task["salt"].(string), task["challenge"].(string)
	for n := 0; n <= int(task["maxnumber"].(float64)); n++ {
		if sum := sha256.Sum256([]byte(salt + strconv.Itoa(n))); hex.EncodeToString(sum[:]) == challenge {
			task["number"] = n + off
			break
		}
	}
	if raw, err = json.Marshal(task); err != nil {
		t.Fatal(err)
	}
	return url.Values{"altcha": {base64.StdEncoding.EncodeToString(raw)}}
}

// asks posts an address with what else is typed, and tells whether a login began.
func asks(t *testing.T, b *harness.Browser, p *harness.Page, typed url.Values) bool {
	t.Helper()
	with := url.Values{"email": {newAddress()}}
	for name, values := range typed {
		with[name] = values
	}
	form := p.FormTo(t, "/auth/login")
	got, err := b.TrySubmit(p, form, &form.Buttons[0], with)
	if err != nil {
		t.Error(err)
		return false
	}
	began := strings.HasSuffix(got.URL.Path, "/auth/waiting")
	if !began && got.Status != http.StatusTooManyRequests {
		t.Errorf("neither let in nor asked to work: %d", got.Status)
	}
	return began
}

// Threat 16, where a tenant wants work: bots that do none, hand it in late, twice,
// by another browser, or wait with many hands.
func TestBotsThatDoNoWorkBeginNoLogin(t *testing.T) {
	onBothWithClocks(t, func(t *testing.T, w *world) {
		c := w.apart(t, "proof_of_work=always")
		now, waited, late := 0, 1, 2
		b := by(browse(t), now)
		p := b.Get(c.request().url)
		done := hired(t, p, 0)
		other := by(browse(t), now)
		elsewhere := other.Get(c.request().url)
		for name, began := range map[string]bool{
			"a wrong number":    asks(t, b, p, hired(t, p, 1)),
			"no work":           asks(t, b, p, url.Values{"altcha": {""}}),
			"none, at once":     asks(t, b, p, nil),
			"too late":          asks(t, by(b, late), p, done),
			"another browser's": asks(t, other, elsewhere, done),
		} {
			if began {
				t.Errorf("%s begins a login", name)
			}
		}
		if n := w.count(t, `SELECT count(*) FROM flows`); n != 0 {
			t.Errorf("without work there are %d flows", n)
		}
		var let atomic.Int32
		var all sync.WaitGroup
		for i := range 12 {
			all.Go(func() {
				if asks(t, by(b, i%2), p, done) {
					let.Add(1)
				}
			})
		}
		all.Wait()
		if n := w.count(t, `SELECT count(*) FROM flows`); let.Load() != 1 || n != 1 {
			t.Errorf("one task handed in by twelve over two processes began %d logins, %d flows", let.Load(), n)
		}
		let.Store(0)
		for range 6 {
			hand := browse(t)
			page := by(hand, now).Get(c.request().url)
			all.Go(func() {
				if asks(t, by(hand, waited), page, nil) {
					let.Add(1)
				}
			})
		}
		all.Wait()
		if n := let.Load(); n < 1 || n > 2 { // two, where a turn of the network ended meanwhile
			t.Errorf("of six that waited at once in one network %d begin a login", n)
		}
	}, "0s", "25s", "6m")
}
