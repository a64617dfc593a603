package e2e_test

import (
	"io"
	"net/http"
	"testing"
)

// plain follows no redirect and keeps no cookie.
var plain = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func send(t *testing.T, r *http.Request) (*http.Response, string) {
	t.Helper()
	answer, err := plain.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}
