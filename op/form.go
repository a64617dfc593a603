package op

import (
	"mime"
	"net/http"
	"net/url"
	"strings"

	"postern/idp"
)

const (
	// maxBody bounds what a form may hold.
	maxBody = 32 << 10
	// maxQuery bounds the query of an authorization or logout request.
	maxQuery = 16 << 10
)

// readForm reads a form from the body alone. Nothing that proves or redeems
// anything may come in the query, where logs keep it (RFC 6749 §2.3.1, §3.2).
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, invalidRequest("the body must be application/x-www-form-urlencoded").because(err)
	}
	if r.URL.RawQuery != "" {
		return nil, invalidRequest("parameters belong in the body, not in the query")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		if f := asRefusal(err); f.status == http.StatusRequestEntityTooLarge {
			return nil, f
		}
		return nil, invalidRequest("the body is not a form").because(err)
	}
	return r.PostForm, nil
}

// readQuery reads parameters from the query alone.
func readQuery(r *http.Request) (url.Values, error) {
	if len(r.URL.RawQuery) > maxQuery {
		f := invalidRequest("the request is too long")
		f.status, f.page = http.StatusRequestURITooLong, "too_large"
		return nil, f
	}
	form, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, invalidRequest("the query is malformed").because(err)
	}
	return form, nil
}

// repeated names a parameter that is there more than once, which none but
// resource may be, and audience where tokens are exchanged (RFC 6749 §3.1, RFC
// 8707 §2, RFC 8693 §2.1), or is empty.
func repeated(form url.Values) string {
	exchange := form.Get("grant_type") == idp.GrantTokenExchange
	for name, values := range form {
		if len(values) > 1 && name != "resource" && (name != "audience" || !exchange) {
			return name
		}
	}
	return ""
}

// once refuses a form in which a parameter is repeated.
func once(form url.Values) error {
	if name := repeated(form); name != "" {
		return invalidRequest("a parameter is there more than once: %s", printable(name))
	}
	return nil
}

// printable makes what a caller sent fit for an error_description (RFC 6749 §5.2).
func printable(text string) string {
	if len(text) > 64 {
		text = text[:64]
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
			return '?'
		}
		return r
	}, text)
}

// checkCall holds a client's form to what all its endpoints ask: each parameter
// once, and one way of authenticating (RFC 6749 §2.3, §3.2).
func checkCall(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	if err := once(form); err != nil {
		return err
	}
	return oneCredential(r, form)
}
