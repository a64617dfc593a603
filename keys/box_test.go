package keys_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"postern/idp"
	"postern/keys"
)

func newBox(t *testing.T, fill byte) *keys.Box {
	t.Helper()
	master, err := keys.ParseMaster(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return keys.NewBox(master)
}

func TestWhatIsSealedOpensAgain(t *testing.T) {
	box := newBox(t, 1)
	for _, size := range []int{0, 1, 15, 16, 17, 4096} {
		plain := bytes.Repeat([]byte("x"), size)
		got, err := box.Open("tenant", "purpose", box.Seal("tenant", "purpose", plain))
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: got %d bytes, %v", size, len(got), err)
		}
	}
	if first, second := box.Seal("t", "p", nil), box.Seal("t", "p", nil); first == second {
		t.Error("two seals of the same text are the same")
	}
}

func TestSealedTextOpensOnlyWhereItWasMade(t *testing.T) {
	box := newBox(t, 1)
	sealed := box.Seal("tenant", "purpose", []byte("secret"))
	cases := []struct {
		name            string
		box             *keys.Box
		tenant, purpose string
		sealed          string
	}{
		{"another tenant", box, "other", "purpose", sealed},
		{"another purpose", box, "tenant", "other", sealed},
		{"tenant and purpose cut elsewhere", box, "tenantp", "urpose", sealed},
		{"another master key", newBox(t, 2), "tenant", "purpose", sealed},
		{"empty", box, "tenant", "purpose", ""},
		{"not base64", box, "tenant", "purpose", "%%%"},
		{"padded", box, "tenant", "purpose", sealed + "="},
		{"with a line end that the decoder skips", box, "tenant", "purpose", sealed[:8] + "\n" + sealed[8:]},
		{"cut short", box, "tenant", "purpose", sealed[:len(sealed)-4]},
		{"header only", box, "tenant", "purpose", sealed[:8]},
		{"longer than anything that is sealed", box, "tenant", "purpose", strings.Repeat("A", 1<<20)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got, err := c.box.Open(idp.TenantID(c.tenant), c.purpose, c.sealed); !errors.Is(err, idp.ErrNotFound) || got != nil {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestEveryChangedByteIsNoticed(t *testing.T) {
	box := newBox(t, 1)
	raw, err := base64.RawURLEncoding.DecodeString(box.Seal("tenant", "purpose", []byte("secret")))
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		changed := bytes.Clone(raw)
		changed[i] ^= 1
		if _, err := box.Open("tenant", "purpose", base64.RawURLEncoding.EncodeToString(changed)); !errors.Is(err, idp.ErrNotFound) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
}

func TestMACTellsPartsTenantsAndPurposesApart(t *testing.T) {
	box := newBox(t, 1)
	seen := map[[32]byte]string{}
	add := func(name string, mac [32]byte) {
		if other, ok := seen[mac]; ok {
			t.Errorf("%s and %s have the same MAC", name, other)
		}
		seen[mac] = name
	}
	add("ab,c", box.MAC("t", "p", []byte("ab"), []byte("c")))
	add("a,bc", box.MAC("t", "p", []byte("a"), []byte("bc")))
	add("abc", box.MAC("t", "p", []byte("abc")))
	add("abc and nothing", box.MAC("t", "p", []byte("abc"), nil))
	add("no part", box.MAC("t", "p"))
	add("another tenant", box.MAC("u", "p", []byte("abc")))
	add("another purpose", box.MAC("t", "q", []byte("abc")))
	add("another master key", newBox(t, 2).MAC("t", "p", []byte("abc")))
	if box.MAC("t", "p", []byte("abc")) != newBox(t, 1).MAC("t", "p", []byte("abc")) {
		t.Error("the same key gives another MAC")
	}
}

func TestManyTenantsDoNotCrowdEachOtherOut(t *testing.T) {
	box := newBox(t, 1)
	first := box.Seal("0", "p", []byte("x"))
	for i := range 9000 {
		box.MAC(idp.TenantID(fmt.Sprint(i)), "p")
	}
	if _, err := box.Open("0", "p", first); err != nil {
		t.Error(err)
	}
}
