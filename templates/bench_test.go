package templates_test

import (
	"net/http/httptest"
	"testing"

	"postern/templates"
)

// BenchmarkPage is what the pages of a login cost, one after the other.
func BenchmarkPage(b *testing.B) {
	set, err := templates.New()
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range samples() {
		switch s.name {
		case "login", "waiting", "verify_here":
			b.Run(s.name, func(b *testing.B) {
				frame := templates.Frame{Locale: "de", Base: "/t/demo", Tenant: "Demo"}
				b.ReportAllocs()
				for b.Loop() {
					set.Write(httptest.NewRecorder(), 200, frame, s.body)
				}
			})
		}
	}
}
