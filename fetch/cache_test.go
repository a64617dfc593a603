package fetch_test

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/fetch"
)

func TestDocumentsAreFetchedAgainWhenTheirTimeIsOver(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	fail, age := false, "120"
	var h *host
	h = newHost(t, func(w http.ResponseWriter, _ *http.Request) {
		if fail {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.Header().Set("Cache-Control", "max-age="+age)
		_, _ = w.Write([]byte(strconv.FormatInt(h.hits.Load(), 10)))
	})
	f := h.fetcher(func(c *fetch.Config) { c.Clock = func() time.Time { return now } })
	for _, step := range []struct {
		name  string
		after time.Duration
		renew bool
		want  string
		do    func()
	}{
		{name: "first", want: "1"},
		{name: "at once again", want: "1"},
		{name: "renewed too soon", after: 29 * time.Second, renew: true, want: "1"},
		{name: "renewed", after: time.Second, renew: true, want: "2"},
		{name: "within its age", after: 119 * time.Second, want: "2"},
		{name: "past its age", after: time.Second, want: "3", do: func() { age = "0" }},
		{name: "no age is a minute", after: 59 * time.Second, want: "3", do: func() { age = "9999999" }},
		{name: "past the minute", after: time.Second, want: "4"},
		{name: "a long age is an hour", after: 59 * time.Minute, want: "4", do: func() { fail = true }},
		{name: "its host fails", after: time.Minute, want: "4"},
		{name: "for long", after: 59 * time.Minute, want: "4"},
		{name: "for too long", after: time.Minute, want: ""},
		{name: "it is back, and not asked yet", after: time.Second, want: "", do: func() { fail = false }},
		{name: "it is back", after: 30 * time.Second, want: "8"},
	} {
		if step.do != nil {
			step.do()
		}
		now = now.Add(step.after)
		got, err := f.Cached(t.Context(), h.URL, step.renew)
		if string(got) != step.want || (err != nil) != (step.want == "") {
			t.Errorf("%s: %q, %v; want %q", step.name, got, err, step.want)
		}
	}
}

// What a stranger names is kept while it is right; a failure and what is refused
// are asked for again at once.
func TestCheckedDocumentsAreKeptWhileTheyAreRight(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	says, busy := "", false
	h := newHost(t, func(w http.ResponseWriter, _ *http.Request) {
		if says == "" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.Header().Set("Cache-Control", "max-age=120")
		_, _ = w.Write([]byte(says))
	})
	f := h.fetcher(func(c *fetch.Config) { c.Clock = func() time.Time { return now } })
	errBusy, errWrong := errors.New("busy"), errors.New("wrong")
	may := func() error {
		if busy {
			return errBusy
		}
		return nil
	}
	check := func(raw []byte) error {
		if string(raw) == "wrong" {
			return errWrong
		}
		return nil
	}
	for _, step := range []struct {
		name  string
		after time.Duration
		says  string
		busy  bool
		want  string
		err   error
		hits  int64
	}{
		{name: "may not be asked", busy: true, says: "one", err: errBusy},
		{name: "its host fails", err: fetch.ErrRefused, hits: 1},
		{name: "wrong", says: "wrong", err: errWrong, hits: 2},
		{name: "right", says: "one", want: "one", hits: 3},
		{name: "within its age, nothing is asked", after: 119 * time.Second, says: "two", busy: true, want: "one", hits: 3},
		{name: "past its age", after: time.Second, says: "two", want: "two", hits: 4},
		{name: "past its age, its host fails", after: 2 * time.Minute, want: "two", hits: 5},
		{name: "for long", after: 59*time.Minute + 59*time.Second, want: "two", hits: 6},
		{name: "for too long", after: time.Second, err: fetch.ErrRefused, hits: 7},
		{name: "right again", says: "three", want: "three", hits: 8},
		{name: "past its age, it is wrong", after: 2 * time.Minute, says: "wrong", err: errWrong, hits: 9},
		{name: "and its host fails: the former one is over", err: fetch.ErrRefused, hits: 10},
	} {
		now, says, busy = now.Add(step.after), step.says, step.busy
		got, err := f.Checked(t.Context(), h.URL, may, check)
		if string(got) != step.want || !errors.Is(err, step.err) || (err == nil) != (step.err == nil) || h.hits.Load() != step.hits {
			t.Errorf("%s: %q, %v, %d fetches; want %q, %v, %d", step.name, got, err, h.hits.Load(), step.want, step.err, step.hits)
		}
	}
}

// Many who want a document at once fetch it once, also where that fails.
func TestACheckedDocumentIsFetchedOnceForAllWhoWait(t *testing.T) {
	gate := make(chan struct{})
	h := newHost(t, func(w http.ResponseWriter, _ *http.Request) {
		<-gate
		w.WriteHeader(http.StatusBadGateway)
	})
	f := h.fetcher(func(*fetch.Config) {})
	var all sync.WaitGroup
	var asking atomic.Int64
	ask := func() {
		asking.Add(1)
		_, err := f.Checked(t.Context(), h.URL, func() error { return nil }, func([]byte) error { return nil })
		if !errors.Is(err, fetch.ErrRefused) {
			t.Errorf("answered: %v", err)
		}
	}
	for range 20 {
		all.Go(ask)
	}
	for asking.Load() < 20 || h.hits.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond) // for the last to wait for the others
	close(gate)
	all.Wait()
	if got := h.hits.Load(); got != 1 {
		t.Errorf("fetched %d times", got)
	}
}
