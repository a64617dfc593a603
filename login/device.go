package login

import (
	"net/netip"
	"strings"

	"postern/edge"
	"postern/idp"
)

// device is what a person is told of who asked for a login.
func device(v *visit) idp.Device {
	return idp.Device{Browser: browserName(v.r.UserAgent()), Network: networkName(edge.ClientIP(v.ctx()))}
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

// networkName tells the network, not the address: /24 of IPv4, /48 of IPv6.
func networkName(a netip.Addr) string {
	a = a.Unmap()
	switch {
	case !a.IsValid():
		return ""
	case a.Is4():
		text := a.String()
		return text[:strings.LastIndexByte(text, '.')] + ".x"
	default:
		prefix, err := a.WithZone("").Prefix(48)
		if err != nil {
			return ""
		}
		return prefix.String()
	}
}
