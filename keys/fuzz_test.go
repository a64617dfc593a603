package keys_test

import (
	"bytes"
	"testing"

	"postern/keys"
)

// What opens is what was sealed, in its one spelling: the seed is one that does.
func FuzzSealedState(f *testing.F) {
	master, err := keys.ParseMaster("abababababababababababababababababababababababababababababababab")
	if err != nil {
		f.Fatal(err)
	}
	box, plain := keys.NewBox(master), []byte("what only this process may read")
	sealed := box.Seal("tenant", "purpose", plain)
	f.Add(sealed)
	f.Add(sealed + "\n")
	f.Add(sealed[:len(sealed)-1])
	f.Add("A" + sealed)
	f.Add(box.Seal("another", "purpose", plain))
	f.Fuzz(func(t *testing.T, text string) {
		opened, err := box.Open("tenant", "purpose", text)
		if err != nil {
			return
		}
		if !bytes.Equal(opened, plain) {
			t.Errorf("%q opens as %q", text, opened)
		}
		for _, other := range []string{text + "\n", text[:len(text)-1], text + "A", "\n" + text} {
			if _, err := box.Open("tenant", "purpose", other); err == nil {
				t.Errorf("%q opens, and so does %q", text, other)
			}
		}
	})
}
