package mail

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"postern/idp"
)

// Setup is how a tenant, or the instance, sends: its accounts in the order in
// which they are tried, and its DKIM keys.
type Setup struct {
	Accounts []Account `json:"accounts,omitempty"`
	Keys     []DKIMKey `json:"dkim,omitempty"`
}

// Bounds of a setup.
const (
	maxAccounts = 8
	maxKeys     = 8
)

// Sealer keeps setups unread where they are stored.
type Sealer interface {
	Seal(t idp.TenantID, purpose string, plaintext []byte) string
	Open(t idp.TenantID, purpose, sealed string) ([]byte, error)
}

// Seal makes the row of a setup, under an id of its own.
func (s Setup) Seal(sealer Sealer, t idp.TenantID, id string) (idp.MailSetup, error) {
	if len(s.Accounts) > maxAccounts || len(s.Keys) > maxKeys {
		return idp.MailSetup{}, fmt.Errorf("at most %d transports and %d DKIM keys", maxAccounts, maxKeys)
	}
	plain, err := json.Marshal(s)
	if err != nil {
		return idp.MailSetup{}, fmt.Errorf("mail setup: %w", err)
	}
	return idp.MailSetup{TenantID: t, ID: id, Sealed: sealer.Seal(t, idp.PurposeMailSetup, plain)}, nil
}

// OpenSetup is Seal's inverse.
func OpenSetup(sealer Sealer, row idp.MailSetup) (Setup, error) {
	plain, err := sealer.Open(row.TenantID, idp.PurposeMailSetup, row.Sealed)
	if err != nil {
		return Setup{}, fmt.Errorf("mail setup was sealed under another master key: %w", err)
	}
	var s Setup
	err = json.Unmarshal(plain, &s)
	return s, err
}

// Empty tells that there is nothing in it.
func (s Setup) Empty() bool { return len(s.Accounts) == 0 && len(s.Keys) == 0 }

// Put adds an account, or replaces the one of its name where it stands.
func (s *Setup) Put(a Account) {
	if i := s.find(a.Name); i >= 0 {
		s.Accounts[i] = a
		return
	}
	s.Accounts = append(s.Accounts, a)
}

// Prefer moves an account to the front.
func (s *Setup) Prefer(name string) {
	if i := s.find(name); i > 0 {
		a := s.Accounts[i]
		s.Accounts = slices.Insert(slices.Delete(s.Accounts, i, i+1), 0, a)
	}
}

// Remove takes an account out; false if there is none of that name.
func (s *Setup) Remove(name string) bool {
	i := s.find(name)
	if i >= 0 {
		s.Accounts = slices.Delete(s.Accounts, i, i+1)
	}
	return i >= 0
}

func (s *Setup) find(name string) int {
	return slices.IndexFunc(s.Accounts, func(a Account) bool { return a.Name == name })
}

// AddKey adds a DKIM key. A selector of a domain is used once: what resolvers
// remember of its record must not be wrong.
func (s *Setup) AddKey(k DKIMKey) error {
	if slices.ContainsFunc(s.Keys, func(other DKIMKey) bool { return other.Domain == k.Domain && other.Selector == k.Selector }) {
		return fmt.Errorf("there is a key %s of %s already; choose another --selector", k.Selector, k.Domain)
	}
	s.Keys = append(s.Keys, k)
	return nil
}

// RemoveKey takes a DKIM key out.
func (s *Setup) RemoveKey(domain, selector string) error {
	before := len(s.Keys)
	s.Keys = slices.DeleteFunc(s.Keys, func(k DKIMKey) bool { return k.Domain == domain && k.Selector == selector })
	if len(s.Keys) == before {
		return errors.New("there is no such DKIM key")
	}
	return nil
}

// signers parses the keys.
func (s Setup) signers() ([]*Signer, error) {
	signers := make([]*Signer, 0, len(s.Keys))
	for _, k := range s.Keys {
		signer, err := k.signer()
		if err != nil {
			return nil, err
		}
		signers = append(signers, signer)
	}
	return signers, nil
}
