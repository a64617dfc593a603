package postgres

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"postern/idp"
)

// Every reader here takes NULL for its type's zero value, so that a row that an
// outer join did not find reads as one that was never filled in.

// key writes an id to be kept. What is not the canonical text of a UUID is
// NULL, which columns that must have an id refuse.
func key[T ~string](id T) pgtype.UUID {
	var u pgtype.UUID
	if err := u.Scan(string(id)); err != nil || u.String() != string(id) || u.Bytes == nobody.Bytes {
		return pgtype.UUID{}
	}
	return u
}

// nobody is the nil UUID (RFC 9562 §5.9), which key lets no row be named.
var nobody = pgtype.UUID{Valid: true}

// named writes an id to look for. It is never NULL: a statement that can find
// nothing whatever the rows are is one that Citus cannot plan.
func named[T ~string](id T) pgtype.UUID {
	if u := key(id); u.Valid {
		return u
	}
	return nobody
}

// keyColumn reads what key wrote.
type keyColumn[T ~string] struct{ to *T }

// ScanUUID implements pgtype.UUIDScanner.
func (c keyColumn[T]) ScanUUID(v pgtype.UUID) error {
	*c.to = T(v.String())
	return nil
}

// keyTo reads an id.
func keyTo[T ~string](to *T) keyColumn[T] { return keyColumn[T]{to} }

// textColumn reads a text.
type textColumn[T ~string] struct{ to *T }

// ScanText implements pgtype.TextScanner.
func (c textColumn[T]) ScanText(v pgtype.Text) error {
	*c.to = T(v.String)
	return nil
}

func textTo[T ~string](to *T) textColumn[T] { return textColumn[T]{to} }

// orNull writes an empty text as NULL.
func orNull(text string) pgtype.Text { return pgtype.Text{String: text, Valid: text != ""} }

// boolColumn reads a truth value.
type boolColumn struct{ to *bool }

// ScanBool implements pgtype.BoolScanner.
func (c boolColumn) ScanBool(v pgtype.Bool) error {
	*c.to = v.Bool
	return nil
}

// numberColumn reads a number.
type numberColumn struct{ to *int }

// ScanInt64 implements pgtype.Int64Scanner.
func (c numberColumn) ScanInt64(v pgtype.Int8) error {
	*c.to = int(v.Int64)
	return nil
}

// instant writes a time, the zero time as NULL; what is below a microsecond is lost.
func instant(t time.Time) pgtype.Timestamptz {
	return pgtype.Timestamptz{Time: t, Valid: !t.IsZero()}
}

// timeColumn reads what instant wrote.
type timeColumn struct{ to *time.Time }

// ScanTimestamptz implements pgtype.TimestamptzScanner.
func (c timeColumn) ScanTimestamptz(v pgtype.Timestamptz) error {
	*c.to = time.Time{}
	if v.Valid {
		*c.to = v.Time.UTC()
	}
	return nil
}

// document writes a value as JSON. PostgreSQL's cannot hold the character NUL,
// which a request may bring along in its state or nonce; it becomes U+FFFD.
func document(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("document: %w", err)
	}
	for i := 0; i+5 < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		if string(b[i+1:i+6]) == "u0000" {
			copy(b[i+1:], "ufffd")
		}
		i++ // what follows a backslash is not one that escapes
	}
	return b, nil
}

// documentColumn reads what document wrote.
type documentColumn struct{ to any }

// ScanBytes implements pgtype.BytesScanner.
func (c documentColumn) ScanBytes(b []byte) error {
	if b == nil {
		return nil
	}
	return json.Unmarshal(b, c.to)
}

// digest writes a digest, NULL if it was never set.
func digest(d idp.Digest) []byte {
	if d.IsZero() {
		return nil
	}
	var b []byte
	d.MAC(func(sum []byte) { b = append(b, sum...) })
	return b
}

func digestBytes(ds []idp.Digest) [][]byte {
	all := make([][]byte, 0, len(ds))
	for _, d := range ds {
		all = append(all, digest(d))
	}
	return all
}

// digestColumn reads what digest wrote.
type digestColumn struct{ to *idp.Digest }

// ScanBytes implements pgtype.BytesScanner.
func (c digestColumn) ScanBytes(b []byte) error {
	if b == nil {
		return c.to.Scan(nil)
	}
	return c.to.Scan(b)
}

// secretColumn reads a salt.
type secretColumn struct{ to *idp.Secret }

// ScanBytes implements pgtype.BytesScanner.
func (c secretColumn) ScanBytes(b []byte) (err error) {
	*c.to = idp.Secret{}
	if b != nil {
		*c.to, err = idp.SecretFromBytes(b)
	}
	return err
}

// takenHit is an idp.Taken as return_hits reads it.
type takenHit struct {
	Key   string     `json:"k"`
	At    int64      `json:"t"`
	Rules []idp.Rule `json:"r"`
}

func takenDocument(taken []idp.Taken) ([]byte, error) {
	hits := make([]takenHit, 0, len(taken))
	for _, t := range taken {
		hits = append(hits, takenHit{Key: hex.EncodeToString(t.Key[:]), At: t.At.UnixNano(), Rules: t.Rules})
	}
	return document(hits)
}

// takenColumn reads what takenDocument wrote.
type takenColumn struct{ to *[]idp.Taken }

// ScanBytes implements pgtype.BytesScanner.
func (c takenColumn) ScanBytes(b []byte) error {
	*c.to = nil
	var hits []takenHit
	if b == nil {
		return nil
	}
	if err := json.Unmarshal(b, &hits); err != nil {
		return err
	}
	for _, h := range hits {
		t := idp.Taken{At: time.Unix(0, h.At).UTC(), Rules: h.Rules}
		if n, err := hex.Decode(t.Key[:], []byte(h.Key)); err != nil || n != len(t.Key) {
			return errors.New("key of a count that was taken")
		}
		*c.to = append(*c.to, t)
	}
	return nil
}
