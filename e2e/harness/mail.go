package harness

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// Mail is a mail as the mail API gives it.
type Mail struct {
	To      string    `json:"to"`
	From    string    `json:"from"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
	Link    string    `json:"link"`
	SentAt  time.Time `json:"sent_at"`
}

// Mails gives the mails to an address, newest first.
func (s *Server) Mails(t *testing.T, to string) []Mail {
	t.Helper()
	mails, err := s.mails(t, to)
	if err != nil {
		t.Fatal(err)
	}
	return mails
}

func (s *Server) mails(t *testing.T, to string) ([]Mail, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/dev/api/mail?to="+url.QueryEscape(to), nil)
	if err != nil {
		return nil, err
	}
	answer, err := s.Client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("mail API: %s", answer.Status)
	}
	var mails []Mail
	if err := json.NewDecoder(answer.Body).Decode(&mails); err != nil {
		return nil, fmt.Errorf("mail API: %w", err)
	}
	return mails, nil
}

// WaitMail waits until there are count mails to an address, and gives the newest.
func (s *Server) WaitMail(t *testing.T, to string, count int) Mail {
	t.Helper()
	var newest Mail
	Eventually(t, fmt.Sprintf("mail %d to %s", count, to), func() bool {
		mails := s.Mails(t, to)
		if len(mails) >= count {
			newest = mails[0]
		}
		return len(mails) >= count
	})
	return newest
}

// Eventually asks again until what another process does is done, and fails
// after a while. There is no clock of theirs to move.
func Eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	timeout := time.After(patience)
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}
