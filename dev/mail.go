package dev

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"postern/idp"
)

// Mail is one mail that was sent, as the mailbox keeps it.
type Mail struct {
	To, From, Subject, Text, HTML, Link string
	SentAt                              time.Time
}

// Mailbox gives the mails to one address, or all if it is empty, newest first.
type Mailbox interface {
	Messages(to string) []Mail
}

// maxShown is how many mails the page shows.
const maxShown = 50

// shownMail is a mail with its HTML made fit for a frame.
type shownMail struct {
	Mail
	SrcDoc string
}

// mail is the mailbox page, newest first, narrowed by to.
func (p *Pages) mail(w http.ResponseWriter, r *http.Request) error {
	to := canonical(r.URL.Query().Get("to"))
	mails := p.cfg.Mailbox.Messages(to)
	mails = mails[:min(len(mails), maxShown)]
	shown, hashes := make([]shownMail, len(mails)), []string{}
	for i, m := range mails {
		doc, styles, err := framed(m.HTML)
		if err != nil {
			return fmt.Errorf("mail to %s: %w", m.To, err)
		}
		shown[i] = shownMail{Mail: m, SrcDoc: doc}
		hashes = append(hashes, styles...)
	}
	slices.Sort(hashes)
	data := struct {
		To     string
		Newest string
		Mails  []shownMail
	}{to, newest(mails), shown}
	return p.renderStyled(w, http.StatusOK, "mail", data, slices.Compact(hashes))
}

// newest names the state of the mailbox, for the script that watches it.
func newest(mails []Mail) string {
	if len(mails) == 0 {
		return ""
	}
	return mails[0].SentAt.UTC().Format(time.RFC3339Nano) + " " + mails[0].To
}

// canonical reads an address as the provider does; what it cannot read stays
// and finds nothing.
func canonical(to string) string {
	if address, err := idp.ParseAddress(to); err == nil {
		return string(address)
	}
	return strings.TrimSpace(to)
}

// framed makes a mail's HTML fit for a sandboxed frame: its links open in a new
// tab, as a mail program's do. A frame's srcdoc is held to the page's policy,
// so the hashes of its styles come back too, to be allowed one by one.
func framed(text string) (string, []string, error) {
	doc, err := html.Parse(strings.NewReader(text))
	if err != nil {
		return "", nil, fmt.Errorf("HTML part: %w", err)
	}
	var hashes []string
	for n := range doc.Descendants() {
		if n.DataAtom == atom.Style && n.FirstChild != nil {
			hashes = append(hashes, styleHash(n.FirstChild.Data))
		}
		for _, a := range n.Attr {
			if a.Key == "style" {
				hashes = append(hashes, styleHash(a.Val))
			}
		}
		if n.DataAtom == atom.Head {
			n.InsertBefore(newTabs(), n.FirstChild)
		}
	}
	var b strings.Builder
	if err := html.Render(&b, doc); err != nil {
		return "", nil, fmt.Errorf("HTML part: %w", err)
	}
	return b.String(), hashes, nil
}

func newTabs() *html.Node {
	return &html.Node{
		Type: html.ElementNode, Data: "base", DataAtom: atom.Base,
		Attr: []html.Attribute{{Key: "target", Val: "_blank"}},
	}
}

func styleHash(style string) string {
	sum := sha256.Sum256([]byte(style))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
