package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"postern/e2e/harness"
)

// axeSource gives axe-core as the lock file of e2e/axe names it.
func axeSource(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(harness.NodeModules(t, "axe"), "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

// axe finds no fault on any page: names, roles, contrast, order, languages.
func TestAxeFindsNothingOnAnyPage(t *testing.T) {
	t.Parallel()
	source := axeSource(t)
	bad := harness.NewChromium(t).NewTab().Open("data:text/html,<img src=x><p style='color:%23ddd'>hardly to be read")
	if len(axe(t, bad, source)) < 2 {
		t.Error("axe finds nothing on a page that is bad")
	}
	pages := 0
	visitEveryPage(t, func(tab *harness.Tab, name string) {
		pages++
		for scheme, width := range map[string]int64{"dark": 390, "light": 1280} {
			tab.Size(width, 844).Colours(scheme)
			for _, fault := range axe(t, tab, source) {
				t.Errorf("%s, %s at %d px: %s", name, scheme, width, fault)
			}
		}
	})
	if pages < 20 {
		t.Errorf("only %d pages were looked at", pages)
	}
}

// axe gives what axe-core holds against the page that a tab is at.
func axe(t *testing.T, tab *harness.Tab, source string) (faults []string) {
	t.Helper()
	const run = `; window.axeFound = undefined;
		axe.run(document, {resultTypes: ["violations"]}).then(
			r => { window.axeFound = JSON.stringify(r.violations.map(v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.html).join(" "))) },
			e => { window.axeFound = JSON.stringify(["axe failed: " + e]) });
		"begun"`
	harness.Eventually(t, "axe begins", func() bool { return tab.Value(source+run) == "begun" })
	found := ""
	harness.Eventually(t, "axe ends", func() bool {
		found = tab.Value(`window.axeFound || ""`)
		return found != ""
	})
	if err := json.Unmarshal([]byte(found), &faults); err != nil {
		t.Fatal(err)
	}
	return faults
}
