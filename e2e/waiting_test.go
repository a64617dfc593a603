package e2e_test

import (
	"testing"

	"postern/e2e/harness"
)

// The page says by itself that a mail is late, and leaves what is being typed
// into it alone.
func TestThePageThatWaitsIsRenewedAroundWhatSomebodyTypes(t *testing.T) {
	t.Parallel()
	mx := harness.StartFaulty(t, harness.On("RCPT", "450 4.2.0 greylisted"))
	tab := harness.NewChromium(t).NewTab().Open(tenantOf(t, "Mint Post", mx.URL()))
	typeAddress(tab, newAddress())
	tab.WaitText("Check your mail")
	tab.Type("input[name=code]", "ABCD")
	tab.WaitText("Your mail is delayed")
	if got := tab.Value(`document.querySelector("input[name=code]").value + " " + document.activeElement.name + " " + document.title`); got != "ABCD code Your mail is delayed · Mint Post" {
		t.Errorf("the field, what has the focus, and the title: %q", got)
	}
	if tab.Count(`document.querySelectorAll("[data-part=mail] time[title]")`) != 2 {
		t.Error("times are not the person's own")
	}
}
