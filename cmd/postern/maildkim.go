package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"postern/config"
	"postern/mail"
)

type dkimCreateCmd struct {
	mailOwner
	Domain    string `required:"" placeholder:"DOMAIN" help:"Domain of the sender, or the one above it."`
	Selector  string `placeholder:"NAME" help:"Name of the key below the domain (default: of algorithm and month)."`
	Algorithm string `default:"rsa" enum:"rsa,ed25519" help:"rsa is known everywhere; ed25519 is a second signature beside it, for less."`
	JSON      bool   `name:"json" help:"JSON on stdout."`
}

// keyRecord is a DKIM key as the DNS has it.
type keyRecord struct {
	Domain    string            `json:"domain"`
	Selector  string            `json:"selector"`
	Algorithm mail.KeyAlgorithm `json:"algorithm"`
	CreatedAt time.Time         `json:"created_at"`
	Name      string            `json:"name"`
	Type      string            `json:"type"`
	Value     string            `json:"value"`
}

func recordOf(k mail.DKIMKey) (keyRecord, error) {
	name, value, err := k.Record()
	return keyRecord{k.Domain, k.Selector, k.Algorithm, k.CreatedAt.UTC(), name, "TXT", value}, err
}

// Run makes the key; it signs from the next mail on.
func (c dkimCreateCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	k, err := mail.NewDKIMKey(c.Domain, c.Selector, mail.KeyAlgorithm(c.Algorithm), term.clock())
	if err != nil {
		return usage("%w", err)
	}
	return c.at(ctx, in, func(d *mailDesk) error {
		if err := d.setup.AddKey(k); err != nil {
			return err
		}
		if err := d.save(ctx, term); err != nil {
			return err
		}
		record, err := recordOf(k)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(term.stdout, record)
		}
		_, err = fmt.Fprintf(term.stdout, "%s signs mails from %s with this key from now on. Publish its record:\n\n%s", d.owner, k.Domain, record.lines())
		return err
	})
}

// lines shows the record as a form asks for it and as a zone file has it, where
// a text is cut into strings of 255 bytes (RFC 1035 §3.3.14).
func (r keyRecord) lines() string {
	var parts []string
	for rest := r.Value; rest != ""; {
		n := min(len(rest), 255)
		parts, rest = append(parts, `"`+rest[:n]+`"`), rest[n:]
	}
	return fmt.Sprintf("name   %s\ntype   TXT\nvalue  %s\n\nor, in a zone file:\n\n%s. TXT ( %s )\n", r.Name, r.Value, r.Name, strings.Join(parts, "\n  "))
}

type dkimShowCmd struct {
	mailOwner
	Domain string `placeholder:"DOMAIN" help:"Only keys of this domain."`
	JSON   bool   `name:"json" help:"JSON on stdout."`
}

// Run prints the records.
func (c dkimShowCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return c.at(ctx, in, func(d *mailDesk) error {
		records := []keyRecord{}
		for _, k := range d.setup.Keys {
			record, err := recordOf(k)
			if err != nil {
				return err
			}
			if c.Domain == "" || c.Domain == k.Domain {
				records = append(records, record)
			}
		}
		if c.JSON {
			return printJSON(term.stdout, records)
		}
		return printRecords(term.stdout, records)
	})
}

func printRecords(w io.Writer, records []keyRecord) error {
	for i, r := range records {
		if i > 0 {
			_, _ = fmt.Fprintln(w)
		}
		if _, err := io.WriteString(w, r.lines()); err != nil {
			return err
		}
	}
	return nil
}

type dkimListCmd struct {
	mailOwner
	JSON bool `name:"json" help:"JSON on stdout."`
}

// dkimView is a DKIM key without what is in it.
type dkimView struct {
	Domain    string            `json:"domain"`
	Selector  string            `json:"selector"`
	Algorithm mail.KeyAlgorithm `json:"algorithm"`
	CreatedAt time.Time         `json:"created_at"`
}

func viewKeys(keys []mail.DKIMKey) []dkimView {
	views := make([]dkimView, 0, len(keys))
	for _, k := range keys {
		views = append(views, dkimView{k.Domain, k.Selector, k.Algorithm, k.CreatedAt.UTC()})
	}
	return views
}

// Run lists the keys.
func (c dkimListCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return c.at(ctx, in, func(d *mailDesk) error {
		views := viewKeys(d.setup.Keys)
		return printList(term, c.JSON, views, func(v dkimView) string {
			return fmt.Sprintf("%s\t%s\t%s\tsince %s", v.Domain, v.Selector, v.Algorithm, v.CreatedAt.Format(time.DateOnly))
		})
	})
}

type dkimRemoveCmd struct {
	mailOwner
	Domain   string `required:"" placeholder:"DOMAIN" help:"Domain of the key."`
	Selector string `required:"" placeholder:"NAME" help:"Selector of the key."`
	JSON     bool   `name:"json" help:"JSON on stdout."`
}

// Run takes the key out.
func (c dkimRemoveCmd) Run(ctx context.Context, term *terminal, in config.Instance) error {
	return c.at(ctx, in, func(d *mailDesk) error {
		if err := d.setup.RemoveKey(c.Domain, c.Selector); err != nil {
			return fmt.Errorf("%w; `postern mail dkim list` shows those that there are", err)
		}
		if err := d.save(ctx, term); err != nil {
			return err
		}
		return term.tell(c.JSON, map[string]string{"removed": c.Selector + "._domainkey." + c.Domain},
			"%s signs with %s of %s no more. Leave its record published for a week: mails on their way are still checked", d.owner, c.Selector, c.Domain)
	})
}
