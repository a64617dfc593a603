package idp

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// Ids are UUIDv7 in their usual text form, except ClientID, which an operator
// may choose.
type (
	// TenantID names a tenant; it leads every table's key.
	TenantID string
	// ClientID names a client within its tenant.
	ClientID string
	// UserID names a user within its tenant. It never leaves the provider: see User.Subject.
	UserID string
	// SessionID names a session; it is the sid claim.
	SessionID string
	// FlowID names one login in progress.
	FlowID string
	// GrantID names what one authorization code and all its tokens stand on.
	GrantID string
	// OutboxID names one mail to send.
	OutboxID string
)

// NewID makes a UUIDv7 (RFC 9562 §5.7) of the given time.
func NewID(now time.Time) string {
	var b [16]byte
	rand.Read(b[6:])
	return timedID(now, b)
}

// FirstID is the least id that NewID can give at a time.
func FirstID(at time.Time) string { return timedID(at, [16]byte{}) }

func timedID(at time.Time, b [16]byte) string {
	binary.BigEndian.PutUint16(b[0:2], uint16(at.UnixMilli()>>32))
	binary.BigEndian.PutUint32(b[2:6], uint32(at.UnixMilli()))
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	return formatUUID(b)
}

// DerivedID makes a UUIDv8 (RFC 9562 §5.8) of 16 bytes that are as good as
// random, so that the same beginnings name the same row.
func DerivedID(b [16]byte) string {
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	return formatUUID(b)
}

func formatUUID(b [16]byte) string {
	var s [36]byte
	hex.Encode(s[0:8], b[0:4])
	s[8] = '-'
	hex.Encode(s[9:13], b[4:6])
	s[13] = '-'
	hex.Encode(s[14:18], b[6:8])
	s[18] = '-'
	hex.Encode(s[19:23], b[8:10])
	s[23] = '-'
	hex.Encode(s[24:36], b[10:16])
	return string(s[:])
}

// parseUUID takes the canonical lower-case form only.
func parseUUID(s string) (b [16]byte, err error) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return b, fmt.Errorf("not a UUID: %w", ErrNotFound)
	}
	raw, err := hex.DecodeString(s[0:8] + s[9:13] + s[14:18] + s[19:23] + s[24:36])
	if err != nil {
		return b, fmt.Errorf("not a UUID: %w", ErrNotFound)
	}
	copy(b[:], raw)
	if formatUUID(b) != s {
		return b, fmt.Errorf("not a canonical UUID: %w", ErrNotFound)
	}
	return b, nil
}
