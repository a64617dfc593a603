package op

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// document is a JSON text that anyone may read and keep, ready to be sent.
type document struct {
	plain  form
	packed *form // by gzip; nil where that does not pay
}

// form is a document in one encoding. Its headers are shared by all answers and
// never changed.
type form struct {
	body    []byte
	etag    string
	kept    http.Header // of every answer, 304 too
	content http.Header // of an answer with the body
}

func newDocument(body []byte) (document, error) {
	doc := document{plain: newForm(body)}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(body)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil || packed.Len() > len(body)/2 {
		return doc, err
	}
	f := newForm(packed.Bytes())
	f.content.Set("Content-Encoding", "gzip")
	doc.packed = &f
	for _, either := range []form{doc.plain, f} {
		either.kept.Set("Vary", "Accept-Encoding")
	}
	return doc, nil
}

func newForm(body []byte) form {
	sum := sha256.Sum256(body)
	f := form{body: body, etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, kept: http.Header{}, content: http.Header{}}
	f.kept.Set("Cache-Control", "public, max-age=300")
	f.kept.Set("ETag", f.etag)
	f.kept.Set("X-Content-Type-Options", "nosniff")
	f.content.Set("Content-Type", "application/json")
	f.content.Set("Content-Length", strconv.Itoa(len(body)))
	return f
}

// write answers with the document, or with 304 where the reader has it.
func (d document) write(w http.ResponseWriter, r *http.Request) {
	f := &d.plain
	if d.packed != nil && takesGzip(r.Header.Get("Accept-Encoding")) {
		f = d.packed
	}
	header := w.Header()
	maps.Copy(header, f.kept)
	if f.isAmong(r.Header.Get("If-None-Match")) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	maps.Copy(header, f.content)
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		w.Write(f.body) //nolint:errcheck // who asked is gone
	}
}

// isAmong reads If-None-Match (RFC 9110 §13.1.2).
func (f *form) isAmong(tags string) bool {
	for tag := range strings.SplitSeq(tags, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == f.etag || tag == "*" {
			return true
		}
	}
	return false
}

// takesGzip reads Accept-Encoding (RFC 9110 §12.5.3): gzip has to be named, and
// not to be refused by a weight of nothing.
func takesGzip(accepted string) bool {
	for one := range strings.SplitSeq(accepted, ",") {
		coding, weight, _ := strings.Cut(one, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			q, weighed := strings.CutPrefix(strings.TrimSpace(weight), "q=")
			return !weighed || strings.Trim(q, "0.") != ""
		}
	}
	return false
}

// maxDocuments bounds how many documents are kept ready.
const maxDocuments = 4096

// documents are those that were made, by what they were made from.
type documents struct {
	mu    sync.RWMutex
	ready map[string]document
}

// of gives the document of a key; the first to ask has it made.
func (d *documents) of(key string, body func() ([]byte, error)) (document, error) {
	d.mu.RLock()
	doc, ok := d.ready[key]
	d.mu.RUnlock()
	if ok {
		return doc, nil
	}
	raw, err := body()
	if err != nil {
		return document{}, err
	}
	if doc, err = newDocument(raw); err != nil {
		return document{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ready == nil {
		d.ready = make(map[string]document)
	}
	for other := range d.ready {
		if len(d.ready) < maxDocuments {
			break
		}
		delete(d.ready, other)
	}
	d.ready[key] = doc
	return doc, nil
}
