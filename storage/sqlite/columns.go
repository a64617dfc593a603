package sqlite

import (
	"crypto/sha256"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"postern/idp"
)

// micros writes a time as a column: Unix microseconds, NULL for the zero time.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// timeColumn reads a column that micros wrote.
type timeColumn struct{ to *time.Time }

func (c timeColumn) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*c.to = time.Time{}
	case int64:
		*c.to = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("time column of type %T", src)
	}
	return nil
}

// document writes a value as a column of JSON.
type document struct{ v any }

// Value implements driver.Valuer.
func (d document) Value() (driver.Value, error) {
	b, err := json.Marshal(d.v)
	return string(b), err
}

// documentColumn reads a column that document wrote.
type documentColumn struct{ to any }

func (c documentColumn) Scan(src any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("document column of type %T", src)
	}
	return json.Unmarshal([]byte(text), c.to)
}

// digests writes several digests as one column.
type digests []idp.Digest

// Value implements driver.Valuer.
func (d digests) Value() (driver.Value, error) {
	all := make([]byte, 0, len(d)*sha256.Size)
	for _, digest := range d {
		v, err := digest.Value()
		if err != nil {
			return nil, err
		}
		b, ok := v.([]byte)
		if !ok {
			return nil, errors.New("digest that was never set")
		}
		all = append(all, b...)
	}
	return all, nil
}

// digestsColumn reads a column that digests wrote.
type digestsColumn struct{ to *[]idp.Digest }

func (c digestsColumn) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok || len(b)%sha256.Size != 0 {
		return fmt.Errorf("digests column of %d bytes", len(b))
	}
	*c.to = nil
	for ; len(b) > 0; b = b[sha256.Size:] {
		var d idp.Digest
		if err := d.Scan(b[:sha256.Size]); err != nil {
			return err
		}
		*c.to = append(*c.to, d)
	}
	return nil
}

// secretColumn reads a salt.
type secretColumn struct{ to *idp.Secret }

func (c secretColumn) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok {
		*c.to = idp.Secret{}
		return nil
	}
	s, err := idp.SecretFromBytes(b)
	*c.to = s
	return err
}

// textColumn reads a column that may be NULL, as the empty text.
type textColumn[T ~string] struct{ to *T }

func (c textColumn[T]) Scan(src any) error {
	text, _ := src.(string)
	*c.to = T(text)
	return nil
}

// orNull writes an empty text as NULL.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}
