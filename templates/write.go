package templates

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// view is what a page template sees.
type view struct {
	Frame
	Body Body
}

// At gives the path of one of the tenant's pages.
func (v view) At(name string) string { return v.Base + "/auth/" + name }

// Write renders a page with all the headers that INTERFACES asks of pages.
// The page is whole or not at all: where rendering fails, the person gets the
// page of an internal fault with status 500.
func (s *Set) Write(w http.ResponseWriter, status int, f Frame, b Body) {
	if _, ok := s.pages[f.Locale]; !ok {
		f.Locale = s.locales[0]
	}
	page, err := s.render(f, b)
	if err != nil {
		slog.Error("page not rendered", "page", b.page(), "locale", f.Locale, "error", err)
		status, b = http.StatusInternalServerError, Fault{Key: "internal"}
		if page, err = s.render(f, b); err != nil {
			page = []byte(lastWords)
		}
	}
	setHeaders(w.Header(), f, b)
	w.Header().Set("Content-Length", strconv.Itoa(len(page)))
	w.WriteHeader(status)
	_, _ = w.Write(page) // a browser that has gone needs no answer
}

// lastWords are for when not even the page of a fault can be made.
const lastWords = "<!doctype html><html lang=\"en\"><title>Error</title><h1>Something went wrong on our side</h1>\n"

// usualPage is what most pages have room in.
const usualPage = 8 << 10

func (s *Set) render(f Frame, b Body) ([]byte, error) {
	t := s.pages[f.Locale][b.page()]
	if t == nil {
		return nil, fmt.Errorf("templates: no page %q", b.page())
	}
	buffer := bytes.NewBuffer(make([]byte, 0, usualPage))
	if err := execute(buffer, t, view{Frame: f, Body: b}); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

type executor interface {
	Execute(w io.Writer, data any) error
}

func execute(w io.Writer, t executor, data any) error {
	if err := t.Execute(w, data); err != nil {
		return fmt.Errorf("templates: %w", err)
	}
	return nil
}

// contentPolicy allows what we serve ourselves and nothing in the page's text.
const contentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"

// setHeaders never loosens: what a page needs beyond it, it does not get.
func setHeaders(h http.Header, f Frame, b Body) {
	policy := contentPolicy
	if f.FormsStay {
		policy += "; form-action 'self'"
	}
	if out, ok := b.(SignedOut); ok {
		policy += frameSources(out.Frames)
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", f.Locale)
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", openerPolicy(b))
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()")
}

// plainHost is a host that can stand in a policy without ending its directive.
var plainHost = regexp.MustCompile(`^[A-Za-z0-9.\-:\[\]]+$`)

// frameSources allows the origins of the frames, and no others.
func frameSources(frames []string) string {
	var origins []string
	for _, frame := range frames {
		u, err := url.Parse(frame)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || !plainHost.MatchString(u.Host) {
			continue
		}
		if origin := u.Scheme + "://" + u.Host; !slices.Contains(origins, origin) {
			origins = append(origins, origin)
		}
	}
	if len(origins) == 0 {
		return ""
	}
	return "; frame-src " + strings.Join(origins, " ")
}

// openerPolicy cuts a page off from who opened it, but only where a mail led
// to it: a client may run its login in a popup that reports to its opener in
// the end, and a policy anywhere on the way would part the two for good.
func openerPolicy(b Body) string {
	switch b.(type) {
	case VerifyHere, VerifyElsewhere:
		return "same-origin"
	default:
		return "unsafe-none"
	}
}
