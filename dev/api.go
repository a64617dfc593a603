package dev

import (
	"encoding/json"
	"net/http"
	"time"
)

// apiMail is a mail as the API gives it.
type apiMail struct {
	To      string    `json:"to"`
	From    string    `json:"from"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
	Link    string    `json:"link"`
	SentAt  time.Time `json:"sent_at"`
}

// mailAPI gives the mails to an address as JSON, newest first, so that an app's
// own tests can sign in.
func (p *Pages) mailAPI(w http.ResponseWriter, r *http.Request) {
	mails := p.cfg.Mailbox.Messages(canonical(r.URL.Query().Get("to")))
	list := make([]apiMail, len(mails))
	for i, m := range mails {
		list[i] = apiMail{m.To, m.From, m.Subject, m.Text, m.HTML, m.Link, m.SentAt.UTC()}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if err := json.NewEncoder(w).Encode(list); err != nil {
		p.cfg.Log.ErrorContext(r.Context(), "mail API", "cause", err)
	}
}
