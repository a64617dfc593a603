package idp

import (
	"crypto/rand"
	"encoding/base32"
	"time"
)

// DeviceLogin is a login that a device without a browser has asked for (RFC
// 8628). A person allows it from a browser of their own.
type DeviceLogin struct {
	TenantID TenantID
	ID       string
	// Secret is the digest of the device code's secret half, UserCode that of a
	// keyed hash of what the person types.
	Secret   Digest
	UserCode Digest
	Request  AuthRequest // its Device is the ID
	Asked    Device
	State    DeviceState
	Expires  time.Time
}

// DeviceState is how far a device's login is.
type DeviceState string

// States of a device's login.
const (
	DeviceAsked   DeviceState = "asked"
	DeviceAllowed DeviceState = "allowed"
	DeviceDenied  DeviceState = "denied"
	DeviceUsed    DeviceState = "used"
)

// Times of a device's login (RFC 8628 §3.2).
const (
	DeviceLife     = 10 * time.Minute
	DeviceInterval = 5 * time.Second
	// DeviceHaste is by how much a device may be early.
	DeviceHaste = time.Second
)

// DevicePoll presents a device code (RFC 8628 §3.4).
type DevicePoll struct {
	TenantID TenantID
	ID       string
	Secret   Digest
	ClientID ClientID
	// Refresh, if set, becomes the grant's refresh token, bound to BindTo, provided
	// that the request asked for one.
	Refresh        Digest
	RefreshExpires time.Time
	BindTo         string
	// Once is noted with what succeeds; ErrReplayed if it was before.
	Once Once
	Now  time.Time
}

// Refuses tells why a poll gets no tokens, nil if it gets them; last is when the
// device asked before.
func (d DeviceLogin) Refuses(p DevicePoll, last time.Time) error {
	switch {
	case !d.Secret.Equal(p.Secret):
		return ErrNotFound
	case d.Request.ClientID != p.ClientID:
		return ErrMismatch
	case !p.Now.Before(d.Expires):
		return ErrExpired
	case d.State == DeviceUsed:
		return ErrUsed
	case d.State == DeviceDenied:
		return ErrNotAllowed
	case !last.IsZero() && p.Now.Before(last.Add(DeviceInterval-DeviceHaste)):
		return ErrTooSoon
	case d.State == DeviceAsked:
		return ErrPending
	default:
		return nil
	}
}

// crockford leaves out letters that read like others: I, L, O and U.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// PurposeUserCode is the purpose of the keyed hash by which a user code is kept:
// the room that makes codes and the one that reads them share it.
const PurposeUserCode = "device-user-code"

// NewUserCode makes what a person types for a device: eight characters, 40 bits.
func NewUserCode() string {
	var b [5]byte
	rand.Read(b[:])
	return base32.NewEncoding(crockford).EncodeToString(b[:])
}
