package idp

import "net/netip"

// PeerNetwork is the part of a peer's address that stands for it: all of an IPv4
// address, the first 64 bits of an IPv6 one, of which every host has the rest to
// itself. Peers without an address, as over a Unix socket, share one: behind
// such a socket stands a proxy that has to be trusted for its forwarded header,
// or nobody can be told apart.
func PeerNetwork(peer netip.Addr) []byte {
	peer = peer.Unmap().WithZone("")
	if !peer.IsValid() {
		return []byte("no address")
	}
	bits := 32
	if peer.Is6() {
		bits = 64
	}
	prefix, err := peer.Prefix(bits)
	if err != nil {
		return []byte("no address")
	}
	return prefix.Addr().AsSlice()
}
