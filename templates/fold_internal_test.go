package templates

import (
	"html/template"
	"strings"
	"testing"
)

func TestWordsOfALanguageBecomeTextAndNothingElseDoes(t *testing.T) {
	t.Parallel()
	words := catalogue{locale: "en", messages: map[string]message{
		"plain": {{text: `a <b> & "c"`}}, "named": {{text: "to "}, {arg: "name"}},
	}}
	page := template.Must(template.New("p").Funcs(words.funcs(map[string]string{"x.css": "x.1.css"})).Parse(
		`<p title="{{t "plain"}}">{{lang}} {{asset "x.css"}}{{if .}}{{t "plain"}}{{else}}{{t "named" "name" "N"}}{{end}}</p>{{t "named" "name" .}}`))
	var before, after strings.Builder
	whole := template.Must(page.Clone())
	if err := words.fold(page.Tree, map[string]string{"x.css": "x.1.css"}, template.HTMLEscapeString); err != nil {
		t.Fatal(err)
	}
	if got, want := page.Tree.Root.String(), `{{t "named" "name" .}}`; strings.Count(got, "{{t ") != 1 || !strings.HasSuffix(got, want) {
		t.Errorf("folded to %s", got)
	}
	for _, data := range []string{"", "<i>"} {
		if err := whole.Execute(&before, data); err != nil {
			t.Fatal(err)
		}
		if err := page.Execute(&after, data); err != nil {
			t.Fatal(err)
		}
	}
	if before.String() != after.String() {
		t.Errorf("%s\nbecame %s", &before, &after)
	}
	missing := template.Must(template.New("m").Funcs(words.funcs(nil)).Parse(`{{t "missing"}}`))
	if words.fold(missing.Tree, nil, template.HTMLEscapeString) == nil {
		t.Error("a word that is not there is found out when the page is shown")
	}
}
