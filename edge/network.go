package edge

import (
	"net/netip"
	"strings"
)

// NetworkName tells the network, not the address: /24 of IPv4, /48 of IPv6.
func NetworkName(a netip.Addr) string {
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
