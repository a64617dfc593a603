package edge

import "net/http"

// StrictTransport is a value of Strict-Transport-Security; empty sends none.
type StrictTransport string

// Say puts it on every answer, refusals and errors too (RFC 6797 §7.1): whoever
// came once by https does not come by http again, so that nobody on the way can
// ask them to. Browsers heed it of https alone (§8.1), so it does no harm on the
// hop between a proxy and us.
func (s StrictTransport) Say(next http.Handler) http.Handler {
	if s == "" {
		return next
	}
	value := []string{string(s)}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Strict-Transport-Security"] = value
		next.ServeHTTP(w, r)
	})
}
