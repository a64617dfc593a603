package limit

import (
	"context"
	"time"

	"postern/idp"
)

// Store counts hits for all replicas.
type Store interface {
	// TakeHits counts each hit that its rules allow, independently of the others,
	// in one round trip; verdicts come in the hits' order. Exact under races.
	TakeHits(ctx context.Context, hits []idp.Hit, now time.Time) ([]idp.Verdict, error)
	// ReturnHits gives counts back; what is not there any more is no error.
	ReturnHits(ctx context.Context, taken []idp.Taken) error
}
