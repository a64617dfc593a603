package idp

import "time"

// Access is what an app may do for a person: all grants of theirs that count, as one.
type Access struct {
	ClientID ClientID
	Metadata ClientMetadata // zero where the client is not known here any more
	Since    time.Time      // of the oldest of the grants
	// Offline: a refresh token is alive that is good while the person is signed out.
	Offline bool
}
