package keys_test

import (
	"bytes"
	"testing"

	"postern/keys"
)

// Only what was sealed opens, in its own one spelling.
func FuzzSealedState(f *testing.F) {
	var master keys.Master
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
		if err == nil && (text != sealed || !bytes.Equal(opened, plain)) {
			t.Errorf("%q opens", text)
		}
	})
}
