package idp_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"postern/idp"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestSecretsAre256BitsAndNeverRepeat(t *testing.T) {
	if idp.SecretBytes < 32 {
		t.Fatalf("secrets of %d bytes", idp.SecretBytes)
	}
	seen := map[string]bool{}
	ones := make([]int, 8*idp.SecretBytes)
	const draws = 2000
	for range draws {
		s := idp.NewSecret()
		if seen[s.Reveal()] {
			t.Fatal("a secret was drawn twice")
		}
		seen[s.Reveal()] = true
		for i := range ones {
			ones[i] += int(s.Bytes()[i/8] >> (i % 8) & 1)
		}
	}
	for i, n := range ones { // each bit is a fair coin: 2000 ± 6 sigma
		if n < draws/2-135 || n > draws/2+135 {
			t.Errorf("bit %d is set %d times in %d", i, n, draws)
		}
	}
}

func TestDigestsHaveNoComparisonButTheConstantTimeOne(t *testing.T) {
	if reflect.TypeOf(idp.Digest{}).Comparable() {
		t.Fatal("digests can be compared with ==")
	}
	a, b := idp.NewSecret(), idp.NewSecret()
	if !a.Digest().Equal(a.Digest()) || a.Digest().Equal(b.Digest()) {
		t.Error("Equal is wrong")
	}
	var none idp.Digest
	if none.Equal(none) || none.Equal(a.Digest()) {
		t.Error("a digest that was never set equals something")
	}
}

func TestSecretsDoNotPrintThemselves(t *testing.T) {
	s := idp.NewSecret()
	c := idp.Credential{ID: idp.NewID(now), Secret: s}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "credential", c)
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s", s, c, s, c), log.String(), string(encoded)} {
		if strings.Contains(text, s.Reveal()) || strings.Contains(text, string(s.Bytes())) {
			t.Errorf("a secret printed itself: %s", text)
		}
	}
}

func TestCredentialsHaveOneForm(t *testing.T) {
	c := idp.NewCredential(idp.NewID(now))
	text := c.Reveal()
	if len(text) != 64 {
		t.Errorf("%d characters", len(text))
	}
	back, err := idp.ParseCredential(text)
	if err != nil || back.ID != c.ID || !back.Secret.Digest().Equal(c.Secret.Digest()) {
		t.Fatalf("came back as %v, %v", back, err)
	}
	for name, bad := range map[string]string{
		"empty": "", "short": text[:63], "long": text + "A", "padded": text + "=", "newline": text[:63] + "\n", "plus": "+" + text[1:], "space": " " + text[1:],
	} {
		if _, err := idp.ParseCredential(bad); err == nil {
			t.Errorf("%s: %q is taken", name, bad)
		}
	}
}

func TestSuccessorNeedsBothTheSecretAndTheSalt(t *testing.T) {
	token, salt := idp.NewSecret(), idp.NewSecret()
	next := token.Successor(salt)
	if !next.Digest().Equal(token.Successor(salt).Digest()) {
		t.Error("the same token and salt give two successors")
	}
	for name, other := range map[string]idp.Secret{
		"the token": token, "the salt": salt, "another salt's": token.Successor(idp.NewSecret()), "another token's": idp.NewSecret().Successor(salt),
	} {
		if next.Digest().Equal(other.Digest()) {
			t.Errorf("the successor is %s", name)
		}
	}
}

func TestIDsAreUUIDv7OfTheGivenTime(t *testing.T) {
	early, late := idp.NewID(now), idp.NewID(now.Add(time.Millisecond))
	if early >= late {
		t.Errorf("%s is not before %s", early, late)
	}
	if early[14] != '7' || !strings.ContainsRune("89ab", rune(early[19])) {
		t.Errorf("%s is no UUIDv7", early)
	}
}

func FuzzParseCredential(f *testing.F) {
	f.Add(idp.NewCredential(idp.NewID(now)).Reveal())
	f.Add(strings.Repeat("A", 64))
	f.Fuzz(func(t *testing.T, text string) {
		c, err := idp.ParseCredential(text)
		if err == nil && c.Reveal() != text {
			t.Fatalf("%q and %q are one credential", text, c.Reveal())
		}
	})
}
