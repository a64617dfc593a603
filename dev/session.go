package dev

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"
)

const (
	sessionCookie = "postern-demo"
	sessionLife   = time.Hour
	maxSessions   = 1000
	// maxPending is how many sign-ins one browser can have under way.
	maxPending = 8
)

// session is what the web app remembers of one browser, in memory.
type session struct {
	touched time.Time
	pending map[string]pending // by state
	account *account           // nil until signed in
}

// pending is a sign-in under way: what must come back or be proven.
type pending struct {
	nonce, verifier string
	begun           time.Time
}

// sessions holds them by the random name that is in the cookie.
type sessions struct {
	clock  func() time.Time
	secure bool
	mu     sync.Mutex
	byName map[string]session
}

func newSessions(clock func() time.Time, secure bool) *sessions {
	return &sessions{clock: clock, secure: secure, byName: map[string]session{}}
}

func (s *sessions) find(r *http.Request) (string, session) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return "", session{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.byName[cookie.Value]
	if !ok || s.clock().Sub(found.touched) > sessionLife {
		return "", session{}
	}
	return cookie.Value, found
}

// begin adds a sign-in to the browser's session, which it opens if there is none.
func (s *sessions) begin(w http.ResponseWriter, r *http.Request, state string, p pending) {
	name, found := s.find(r)
	if name == "" {
		name = rand.Text()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeRoom()
	pendings := map[string]pending{state: p}
	for k, v := range found.pending {
		if len(pendings) < maxPending && p.begun.Sub(v.begun) < sessionLife {
			pendings[k] = v
		}
	}
	found.pending, found.touched = pendings, s.clock()
	s.byName[name] = found
	http.SetCookie(w, s.cookie(name, int(sessionLife.Seconds())))
}

// take gives the sign-in of a state, once.
func (s *sessions) take(r *http.Request, state string) (pending, bool) {
	name, found := s.find(r)
	p, ok := found.pending[state]
	if !ok {
		return pending{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// Another request may have taken it since; the map in the table decides.
	if _, ok = s.byName[name].pending[state]; ok {
		rest := map[string]pending{}
		for k, v := range s.byName[name].pending {
			if k != state {
				rest[k] = v
			}
		}
		found = s.byName[name]
		found.pending = rest
		s.byName[name] = found
	}
	return p, ok
}

// signedIn puts an account into the session, under a new name, so that a name
// known before the sign-in is worth nothing after it.
func (s *sessions) signedIn(w http.ResponseWriter, r *http.Request, a account) {
	name, found := s.find(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byName, name)
	s.makeRoom()
	name = rand.Text()
	found.account, found.touched = &a, s.clock()
	s.byName[name] = found
	http.SetCookie(w, s.cookie(name, int(sessionLife.Seconds())))
}

func (s *sessions) end(w http.ResponseWriter, r *http.Request) {
	name, _ := s.find(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byName, name)
	http.SetCookie(w, s.cookie("", -1))
}

// makeRoom forgets what is old, and if that is not enough, anything.
func (s *sessions) makeRoom() {
	if len(s.byName) < maxSessions {
		return
	}
	for name, one := range s.byName {
		if s.clock().Sub(one.touched) > sessionLife {
			delete(s.byName, name)
		}
	}
	for name := range s.byName {
		if len(s.byName) < maxSessions {
			return
		}
		delete(s.byName, name)
	}
}

func (s *sessions) cookie(value string, maxAge int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure is left off only over http on loopback, where browsers would not return it
		Name: sessionCookie, Value: value, Path: "/dev/app", MaxAge: maxAge,
		HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode,
	}
}
