package templates

import (
	"html/template"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// funcs are what templates can call, bound to one language.
func (c catalogue) funcs(hashed map[string]string) template.FuncMap {
	return template.FuncMap{
		"t":       c.say,
		"parts":   c.parts,
		"plural":  c.plural,
		"life":    c.life,
		"problem": c.problem,
		"asking":  c.asking,
		"ending":  c.ending,
		"fault":   c.fault,
		"scope":   c.scope,
		"device":  c.device,
		"link":    webLink,
		"query":   queryOf,
		"path":    pathOf,
		"iso":     isoUTC,
		"clock":   clockUTC,
		"dated":   func(t time.Time) dated { return dated(t) },
		"asset":   func(name string) string { return hashed[name] },
		"lang":    func() string { return c.locale },
	}
}

// plural picks the form of KEY that the language has for n: KEY.one, KEY.few,
// KEY.many or KEY.other (CLDR's cardinal rules).
func (c catalogue) plural(key string, n int) (string, error) {
	return c.say(key+"."+pluralForm(c.tag, n), "n", n)
}

// device says a browser's name, which is of fixed English words, in the language.
func (c catalogue) device(name string) (string, error) {
	browser, system, ok := strings.Cut(name, " on ")
	if !ok {
		return name, nil
	}
	return c.say("device", "browser", browser, "system", system)
}

// life says a duration in minutes, or in seconds below one.
func (c catalogue) life(d time.Duration) (string, error) {
	if d <= time.Minute-time.Second {
		return c.plural("seconds", max(1, int((d+time.Second-1)/time.Second)))
	}
	return c.plural("minutes", int((d+time.Minute-1)/time.Minute))
}

// problem gives the words of a key that a room chose; a key without words is
// told as the form's general problem, so that nobody faces an empty alert.
func (c catalogue) problem(form, key string) (string, error) {
	if !c.has(key) || !strings.HasPrefix(key, form+".problem.") {
		key = form + ".problem.other"
	}
	return c.say(key)
}

// asking gives the title or lead of the page that asks for the address.
func (c catalogue) asking(what Asking, part string, args ...any) ([]piece, error) {
	key := "login." + string(what) + "." + part
	if !c.has(key) {
		key = "login." + part
	}
	return c.parts(key, args...)
}

// ending gives the title or text of how a login ended.
func (c catalogue) ending(what Ending, part string) (string, error) {
	key := "over." + string(what) + "." + part
	if !c.has(key) {
		key = "over." + string(EndedUnknown) + "." + part
	}
	return c.say(key)
}

// fault gives the title or text of a refusal.
func (c catalogue) fault(key, part string) (string, error) {
	full := "fault." + key + "." + part
	if !c.has(full) {
		full = "fault.internal." + part
	}
	return c.say(full)
}

// scope says what a scope gives away; one of the client's own is shown as it is.
func (c catalogue) scope(name string) ([]piece, error) {
	if key := "scope." + name; name != "other" && c.has(key) {
		return c.parts(key)
	}
	return c.parts("scope.other", "scope", name)
}

// webLink lets http, https and absolute paths through as they are and makes
// everything else empty: a link is shown only if it can be followed.
func webLink(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	onWeb := (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
	onHost := u.Scheme == "" && u.Host == "" && strings.HasPrefix(u.Path, "/")
	if !onWeb && !onHost {
		return ""
	}
	return text
}

// queryOf gives a URL's parameters as hidden fields: a form that GETs replaces
// the query of its action.
func queryOf(text string) []Hidden {
	u, err := url.Parse(text)
	if err != nil {
		return nil
	}
	var fields []Hidden
	query := u.Query()
	for _, name := range slices.Sorted(maps.Keys(query)) {
		for _, value := range query[name] {
			fields = append(fields, Hidden{Name: name, Value: value})
		}
	}
	return fields
}

func pathOf(text string) string {
	path, _, _ := strings.Cut(text, "?")
	return path
}
