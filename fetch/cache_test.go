package fetch_test

import (
	"net/http"
	"strconv"
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
