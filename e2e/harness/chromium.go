package harness

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// Chromium is a real browser with a profile of its own.
type Chromium struct {
	t       *testing.T
	browser context.Context
}

// Tab is one of its tabs.
type Tab struct {
	t   *testing.T
	ctx context.Context
}

// NewChromium starts a headless Chromium and ends it with the test. A machine
// without Chromium fails the test: what it shows cannot be shown otherwise.
func NewChromium(t *testing.T, options ...chromedp.ExecAllocatorOption) *Chromium {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("these tests need Chromium (apt-get install chromium): %v", err)
	}
	options = append(append(flags(), options...),
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.Flag("headless", "new"),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	browser, end := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(browser)
		end()
		stop()
	})
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("Chromium does not start: %v", err)
	}
	return &Chromium{t: t, browser: browser}
}

func flags() []chromedp.ExecAllocatorOption {
	names := []string{
		"disable-background-networking", "disable-component-update", "disable-sync", "disable-dev-shm-usage",
		"disable-extensions", "disable-default-apps", "disable-background-timer-throttling",
		"disable-backgrounding-occluded-windows", "disable-renderer-backgrounding",
	}
	all := make([]chromedp.ExecAllocatorOption, len(names))
	for i, name := range names {
		all[i] = chromedp.Flag(name, true)
	}
	return all
}

// NewTab opens an empty tab.
func (c *Chromium) NewTab() *Tab {
	c.t.Helper()
	ctx, end := chromedp.NewContext(c.browser)
	c.t.Cleanup(end)
	tab := &Tab{t: c.t, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil {
		c.t.Fatal(err)
	}
	return tab
}

// Run runs actions in the tab.
func (tab *Tab) Run(actions ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	if err := tab.Try(actions...); err != nil {
		tab.t.Fatalf("%v\n%s", err, tab.describe())
	}
}

// Try runs actions in the tab within patience.
func (tab *Tab) Try(actions ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	return chromedp.Do(ctx, actions...)
}

// Open goes to an address.
func (tab *Tab) Open(address string) *Tab {
	tab.t.Helper()
	tab.Run(chromedp.Navigate(address))
	return tab
}

// Click presses what a CSS selector finds.
func (tab *Tab) Click(selector string) {
	tab.t.Helper()
	tab.Run(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// Press presses the link or button whose text begins so.
func (tab *Tab) Press(label string) {
	tab.t.Helper()
	path := fmt.Sprintf(`//*[self::a or self::button][starts-with(normalize-space(.), %q)]`, label)
	tab.Run(chromedp.Click(chromedp.Search(path), chromedp.NodeVisible))
}

// Type types into what a CSS selector finds.
func (tab *Tab) Type(selector, text string) {
	tab.t.Helper()
	field := chromedp.CSS(selector)
	tab.Run(chromedp.WaitVisible(field), chromedp.Clear(field), chromedp.SendKeys(field, text))
}

// Wait waits until what a CSS selector finds is visible.
func (tab *Tab) Wait(selector string) {
	tab.t.Helper()
	tab.Run(chromedp.WaitVisible(chromedp.CSS(selector)))
}

// WaitText waits until the page's visible text holds a text.
func (tab *Tab) WaitText(want string) {
	tab.t.Helper()
	Eventually(tab.t, fmt.Sprintf("%q in a tab", want), func() bool { return strings.Contains(tab.Text(), want) })
}

// WaitURL waits until the tab is at an address that begins so.
func (tab *Tab) WaitURL(prefix string) {
	tab.t.Helper()
	Eventually(tab.t, prefix+" in a tab", func() bool { return strings.HasPrefix(tab.URL(), prefix) })
}

// Text is the page's visible text; while a page is loading, it is empty.
func (tab *Tab) Text() string { return tab.eval(`document.body ? document.body.innerText : ""`) }

// TextOf is the text of what a CSS selector finds, or empty.
func (tab *Tab) TextOf(selector string) string {
	return tab.eval(fmt.Sprintf(`(document.querySelector(%q) || {}).textContent || ""`, selector))
}

// URL is where the tab is.
func (tab *Tab) URL() string { return tab.eval("location.href") }

// HTML is the whole page.
func (tab *Tab) HTML() string { return tab.eval("document.documentElement.outerHTML") }

// Value is the text that a script gives; empty while a page is loading.
func (tab *Tab) Value(script string) string { return tab.eval(script) }

func (tab *Tab) eval(script string) string {
	ctx, cancel := context.WithTimeout(tab.ctx, 5*time.Second)
	defer cancel()
	// A navigation in between ends the evaluation; the caller asks again.
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](script))
	if err != nil {
		return ""
	}
	return text
}

func (tab *Tab) describe() string { return "at " + tab.URL() + ":\n" + tab.Text() }

// OpenedBy presses what opens a new tab and gives that tab.
func (tab *Tab) OpenedBy(press func()) *Tab {
	tab.t.Helper()
	opened := chromedp.WaitNewTarget(tab.ctx, func(info *target.Info) bool { return info.Type == "page" && info.URL != "" })
	press()
	select {
	case id := <-opened:
		ctx, end := chromedp.NewContext(tab.ctx, chromedp.WithTargetID(id))
		tab.t.Cleanup(end)
		// The first use of a context lasts as long as the tab, so it has no timeout.
		if err := chromedp.Do(ctx); err != nil {
			tab.t.Fatal(err)
		}
		return &Tab{t: tab.t, ctx: ctx}
	case <-time.After(patience):
		tab.t.Fatalf("no tab was opened\n%s", tab.describe())
		return nil
	}
}

// Phone makes the tab one of a phone.
func (tab *Tab) Phone() *Tab {
	tab.t.Helper()
	tab.Run(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateScale(2)))
	return tab
}

// WithoutScript turns JavaScript off, before the next page.
func (tab *Tab) WithoutScript() *Tab {
	tab.t.Helper()
	if _, err := chromedp.Call(tab.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		tab.t.Fatal(err)
	}
	return tab
}

// Count is the length of what a script gives.
func (tab *Tab) Count(list string) int {
	tab.t.Helper()
	n, err := chromedp.Run(tab.ctx, chromedp.Evaluate[int]("("+list+").length"))
	if err != nil {
		tab.t.Fatal(err)
	}
	return n
}

// Script runs a script that may leave the page, and waits until the tab is quiet.
func (tab *Tab) Script(script string) {
	tab.t.Helper()
	// The value is of no interest, and a navigation may take it away.
	_ = tab.Try(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Evaluate[string]("void "+script+`; ""`)(ctx, t)
		return err
	}))
	Eventually(tab.t, "the page", func() bool { return tab.eval("document.readyState") == "complete" })
}

// Colours makes the tab prefer a colour scheme, "light" or "dark", and no motion,
// so that a picture never shows a button half way between two.
func (tab *Tab) Colours(scheme string) *Tab {
	tab.t.Helper()
	params := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}
	if _, err := chromedp.Call(tab.ctx, emulation.SetEmulatedMedia, params); err != nil {
		tab.t.Fatal(err)
	}
	return tab
}

// Size sets the width and height of the tab's window.
func (tab *Tab) Size(width, height int64) *Tab {
	tab.t.Helper()
	tab.Run(chromedp.EmulateViewport(width, height))
	return tab
}

// Shot is a PNG of the whole page.
func (tab *Tab) Shot() []byte {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		tab.t.Fatal(err)
	}
	return png
}

// Overflow is by how many pixels the page is wider than its window.
func (tab *Tab) Overflow() int {
	tab.t.Helper()
	n, err := chromedp.Run(tab.ctx, chromedp.Evaluate[int]("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
	if err != nil {
		tab.t.Fatal(err)
	}
	return n
}

// ClickDown presses down the middle of what a CSS selector finds, for a frame
// whose inside no selector reaches.
func (tab *Tab) ClickDown(selector string, step float64) {
	tab.t.Helper()
	tab.Run(chromedp.ScrollIntoView(chromedp.CSS(selector)))
	script := fmt.Sprintf(`(() => { const r = document.querySelector(%q).getBoundingClientRect(); return [r.left, r.top, r.width, r.height] })()`, selector)
	box, err := chromedp.Run(tab.ctx, chromedp.Evaluate[[]float64](script))
	if err != nil {
		tab.t.Fatal(err)
	}
	for y := box[1] + step; y < box[1]+box[3]; y += step {
		tab.Run(chromedp.MouseClickXY(box[0]+box[2]/2, y))
	}
}

// Cookies gives what the tab's address is sent, httpOnly ones too.
func (tab *Tab) Cookies() []*network.Cookie {
	tab.t.Helper()
	answer, err := chromedp.Call(tab.ctx, network.GetCookies, network.GetCookiesParams{})
	if err != nil {
		tab.t.Fatal(err)
	}
	if len(answer.Cookies) == 0 {
		tab.t.Fatal("no cookies")
	}
	return answer.Cookies
}
