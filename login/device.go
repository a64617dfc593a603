package login

import (
	"strings"

	"postern/edge"
	"postern/idp"
)

// device is what a person is told of who asked for a login.
func device(v *visit) idp.Device {
	return idp.Device{Browser: browserName(v.r.UserAgent()), Network: edge.NetworkName(edge.ClientIP(v.ctx()))}
}

type nameMark struct{ mark, name string }

// Order matters: most browsers also claim to be those further down.
var (
	browserMarks = []nameMark{
		{"Edg/", "Edge"},
		{"EdgA/", "Edge"},
		{"EdgiOS/", "Edge"},
		{"OPR/", "Opera"},
		{"SamsungBrowser/", "Samsung Internet"},
		{"Firefox/", "Firefox"},
		{"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"},
		{"Chrome/", "Chrome"},
		{"Safari/", "Safari"},
	}
	systemMarks = []nameMark{
		{"iPhone", "iPhone"},
		{"iPad", "iPad"},
		{"Android", "Android"},
		{"CrOS", "ChromeOS"},
		{"Windows", "Windows"},
		{"Macintosh", "Mac"},
		{"Linux", "Linux"},
	}
)

// browserName sums a User-Agent up in fixed words of ours, so that nothing a
// stranger sends is repeated to anyone. Unknown ones have no name.
func browserName(userAgent string) string {
	browser, system := firstMark(browserMarks, userAgent), firstMark(systemMarks, userAgent)
	if browser == "" || system == "" {
		return ""
	}
	return browser + " on " + system
}

func firstMark(marks []nameMark, text string) string {
	for _, m := range marks {
		if strings.Contains(text, m.mark) {
			return m.name
		}
	}
	return ""
}
