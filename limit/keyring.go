package limit

import (
	"net/netip"

	"postern/idp"
)

// MAC makes the keyed hashes that name what is counted.
type MAC interface {
	// MAC is HMAC-SHA256 over the parts, each preceded by its length, under a key
	// of its own for tenant and purpose. The empty tenant is the instance.
	MAC(t idp.TenantID, purpose string, parts ...[]byte) [32]byte
}

// everyone is the tenant of keys that count over all tenants.
const everyone = idp.TenantID("")

// keyring names what is counted. Each kind has a purpose of its own, so no two meet.
type keyring struct{ mac MAC }

func (k keyring) mailbox(t idp.TenantID, mailbox string) idp.LimitKey {
	return k.mac.MAC(t, "limit:mailbox", []byte(mailbox))
}

func (k keyring) known(t idp.TenantID, mailbox, browser string) idp.LimitKey {
	return k.mac.MAC(t, "limit:known-browser", []byte(mailbox), []byte(browser))
}

func (k keyring) everywhere(mailbox string) idp.LimitKey {
	return k.mac.MAC(everyone, "limit:mailbox-everywhere", []byte(mailbox))
}

func (k keyring) tenant(t idp.TenantID) idp.LimitKey {
	return k.mac.MAC(t, "limit:tenant")
}

// sending and attempt count over all tenants, or for one with rules of its own.
func (k keyring) sending(t idp.TenantID, peer netip.Addr) idp.LimitKey {
	return k.mac.MAC(t, "limit:sending", idp.PeerNetwork(peer))
}

func (k keyring) attempt(t idp.TenantID, peer netip.Addr) idp.LimitKey {
	return k.mac.MAC(t, "limit:attempt", idp.PeerNetwork(peer))
}

// site counts the IPv6 /48 that a peer is in, which is what a single customer
// of a provider can have: 65,536 networks to ask from in turn.
func (k keyring) site(t idp.TenantID, peer netip.Addr) (idp.LimitKey, bool) {
	peer = peer.Unmap().WithZone("")
	if !peer.Is6() {
		return idp.LimitKey{}, false
	}
	prefix, err := peer.Prefix(48)
	if err != nil {
		return idp.LimitKey{}, false
	}
	return k.mac.MAC(t, "limit:sending-site", prefix.Addr().AsSlice()), true
}
