package op

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"slices"
)

// Response modes (OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode).
const (
	modeQuery    = "query"
	modeFragment = "fragment"
	modeFormPost = "form_post"
	// modeSigned, after one of these or alone, makes the answer a JWT (JARM §2.3).
	modeSigned = ".jwt"
)

// modes are all of them, as they are asked for.
var modes = []string{modeQuery, modeFragment, modeFormPost, modeQuery + modeSigned, modeFragment + modeSigned, modeFormPost + modeSigned, "jwt"}

// formPostScript sends the form on. It is the one script of the page: the
// policy names it by its hash and allows no other.
const formPostScript = `document.forms[0].submit()`

var formPostPage = template.Must(template.New("form_post").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Continue</title></head>
<body><form method="post" action="{{.Action}}">
{{range .Fields}}<input type="hidden" name="{{.Name}}" value="{{.Value}}">
{{end}}<noscript><button>Continue</button></noscript></form>
<script>` + formPostScript + `</script></body></html>
`))

type formPostField struct{ Name, Value string }

// writeFormPost answers by a form that posts itself to the client. Its policy
// has no form-action: it would apply to the client's own redirects too.
func writeFormPost(w http.ResponseWriter, action string, answer url.Values) {
	fields := make([]formPostField, 0, len(answer))
	for name := range answer {
		fields = append(fields, formPostField{name, answer.Get(name)})
	}
	slices.SortFunc(fields, func(a, b formPostField) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	hash := sha256.Sum256([]byte(formPostScript))
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; script-src 'sha256-"+
		base64.StdEncoding.EncodeToString(hash[:])+"'")
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	data := struct {
		Action template.URL
		Fields []formPostField
	}{template.URL(action), fields} //nolint:gosec // a registered redirect URI, which may have a private scheme
	formPostPage.Execute(w, data) //nolint:errcheck // who asked is gone
}
