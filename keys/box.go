package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"sync"

	"postern/idp"
)

// A sealed text is, in base64url:
//
//	version (1) | key id (4) | nonce (12) | ciphertext | tag (16)
//
// Version, key id, tenant and purpose are authenticated along with it.
const (
	boxVersion = 1
	keyIDBytes = 4
	headBytes  = 1 + keyIDBytes
	// maxSealed is the longest text that Open looks at; the longest thing that is
	// sealed, an authorization request at its caps, is well below.
	maxSealed = 64 << 10
	// maxDerived bounds the keys that are kept ready; any of them can be derived again.
	maxDerived = 8192
)

// Box seals what leaves the process and has to come back unread and unchanged,
// under a key of its own for each tenant and purpose.
type Box struct {
	master  Master
	id      [keyIDBytes]byte
	mu      sync.RWMutex
	derived map[realm]derived
}

// realm is what a key is derived for.
type realm struct {
	tenant  idp.TenantID
	purpose string
}

// derived are a realm's keys.
type derived struct {
	aead cipher.AEAD
	mac  []byte
}

// NewBox makes a Box of the master key.
func NewBox(master Master) *Box {
	b := &Box{master: master, derived: make(map[realm]derived)}
	copy(b.id[:], b.derive("postern key id", realm{}))
	return b
}

// Seal encrypts and authenticates; the result is base64url.
func (b *Box) Seal(t idp.TenantID, purpose string, plaintext []byte) string {
	c := realm{t, purpose}
	head := append([]byte{boxVersion}, b.id[:]...)
	sealed := b.keys(c).aead.Seal(head, nil, plaintext, additional(head, c)) //nolint:gosec // the AEAD draws the nonce itself
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// Open is Seal's inverse; anything else is idp.ErrNotFound, whatever is wrong with it.
func (b *Box) Open(t idp.TenantID, purpose, sealed string) ([]byte, error) {
	if len(sealed) > maxSealed {
		return nil, fmt.Errorf("sealed text: %w", idp.ErrNotFound)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	// The decoder skips line ends: without the length two texts would mean the same.
	if err != nil || base64.RawURLEncoding.EncodedLen(len(raw)) != len(sealed) || len(raw) < headBytes {
		return nil, fmt.Errorf("sealed text: %w", idp.ErrNotFound)
	}
	c := realm{t, purpose}
	head, body := raw[:headBytes:headBytes], raw[headBytes:]
	if head[0] != boxVersion || [keyIDBytes]byte(head[1:]) != b.id {
		return nil, fmt.Errorf("sealed text: %w", idp.ErrNotFound)
	}
	plaintext, err := b.keys(c).aead.Open(nil, nil, body, additional(head, c))
	if err != nil {
		return nil, fmt.Errorf("sealed text: %w", idp.ErrNotFound)
	}
	return plaintext, nil
}

// MAC is HMAC-SHA256 over the parts, each preceded by its length, under a key
// of its own for tenant and purpose.
func (b *Box) MAC(t idp.TenantID, purpose string, parts ...[]byte) [32]byte {
	mac := hmac.New(sha256.New, b.keys(realm{t, purpose}).mac)
	for _, part := range parts {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write(part)
	}
	return [32]byte(mac.Sum(nil))
}

func (b *Box) keys(c realm) derived {
	b.mu.RLock()
	d, ok := b.derived[c]
	b.mu.RUnlock()
	if ok {
		return d
	}
	d = derived{aead: newAEAD(b.derive("postern seal", c)), mac: b.derive("postern mac", c)}
	b.mu.Lock()
	defer b.mu.Unlock()
	for other := range b.derived {
		if len(b.derived) < maxDerived {
			break
		}
		delete(b.derived, other)
	}
	b.derived[c] = d
	return d
}

// derive is HKDF-SHA256 of the master key (RFC 5869), the label and realm as its info.
func (b *Box) derive(label string, c realm) []byte {
	key, err := hkdf.Key(sha256.New, b.master.b[:], nil, string(framed(label, string(c.tenant), c.purpose)), 32)
	if err != nil {
		panic("keys: hkdf: " + err.Error()) // 32 bytes are within its limit
	}
	return key
}

func newAEAD(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("keys: aes: " + err.Error()) // the key has 32 bytes
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("keys: gcm: " + err.Error()) // AES is its block cipher
	}
	return aead
}

func additional(head []byte, c realm) []byte {
	return framed(string(head), string(c.tenant), c.purpose)
}

// framed joins parts so that no two lists of parts give the same bytes.
func framed(parts ...string) []byte {
	var out []byte
	for _, part := range parts {
		out = binary.BigEndian.AppendUint32(out, uint32(len(part)))
		out = append(out, part...)
	}
	return out
}
