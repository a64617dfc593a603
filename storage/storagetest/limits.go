package storagetest

import (
	"sync"
	"sync/atomic"
	"time"

	"postern/idp"
)

var limitCases = cases{
	"hits are counted up to the limit, each key by itself": func(w *world) {
		hit, other := hitOf(1, 2), hitOf(2, 2)
		w.same([]bool{true, true, false, true}, w.take(w.now, hit, hit, hit, other), "allowed")
		w.same([]bool{false, true}, w.take(w.now, hit, other), "allowed")
	},
	"a refused hit counts nothing": func(w *world) {
		hit := hitOf(1, 1)
		w.same([]bool{true}, w.take(w.now, hit), "first")
		w.same([]bool{false}, w.take(w.now.Add(time.Hour-time.Millisecond), hit), "in the last moment")
		w.same([]bool{true}, w.take(w.now.Add(time.Hour), hit), "after the period")
	},
	"a verdict tells when the next is possible": func(w *world) {
		hit := hitOf(1, 1)
		got, err := w.store.TakeHits(w.ctx, []idp.Hit{hit, hit}, w.now)
		w.ok(err, "take")
		for _, verdict := range got {
			w.same(w.now.Truncate(time.Millisecond).Add(time.Hour), verdict.RetryAt.UTC(), "retry at")
		}
	},
	"what is returned can be taken again": func(w *world) {
		hit := hitOf(1, 1)
		w.take(w.now, hit)
		taken := idp.Taken{Key: hit.Key, At: w.now, Rules: hit.Rules}
		w.ok(w.store.ReturnHits(w.ctx, []idp.Taken{taken, {Key: idp.LimitKey{9}, At: w.now, Rules: hit.Rules}}), "return")
		w.same([]bool{true, false}, w.take(w.now, hit, hit), "allowed")
	},
	"nothing asked, nothing answered": func(w *world) {
		w.same([]bool{}, w.take(w.now), "allowed")
		w.ok(w.store.ReturnHits(w.ctx, nil), "return")
	},
	"a small limit is exact under 200 parallel hits": func(w *world) { exact(w, hitOf(1, 50)) },
	"a large limit is exact under 200 parallel hits": func(w *world) { exact(w, hitOf(1, 150)) },
	"what 200 return at once is all there again":     returnsExactly,
}

func hitOf(key byte, limit int64) idp.Hit {
	return idp.Hit{Key: idp.LimitKey{key}, Rules: []idp.Rule{{Limit: limit, Period: time.Hour}}}
}

// take tells of each hit whether it was allowed.
func (w *world) take(now time.Time, hits ...idp.Hit) []bool {
	w.t.Helper()
	verdicts, err := w.store.TakeHits(w.ctx, hits, now)
	w.ok(err, "take")
	allowed := make([]bool, 0, len(verdicts))
	for _, v := range verdicts {
		allowed = append(allowed, v.Allowed)
	}
	return allowed
}

const parallelHits = 200

// parallel takes the hit 200 times at once and tells how many were allowed.
func parallel(w *world, hit idp.Hit) int64 {
	w.t.Helper()
	var allowed, failed atomic.Int64
	var done sync.WaitGroup
	for range parallelHits {
		done.Go(func() {
			verdicts, err := w.store.TakeHits(w.ctx, []idp.Hit{hit}, w.now)
			if err != nil {
				failed.Add(1)
			} else if verdicts[0].Allowed {
				allowed.Add(1)
			}
		})
	}
	done.Wait()
	w.same(int64(0), failed.Load(), "failed")
	return allowed.Load()
}

func exact(w *world, hit idp.Hit) {
	w.same(hit.Rules[0].Limit, parallel(w, hit), "allowed")
}

func returnsExactly(w *world) {
	hit := hitOf(1, 150)
	exact(w, hit)
	taken := idp.Taken{Key: hit.Key, At: w.now, Rules: hit.Rules}
	var failed atomic.Int64
	var done sync.WaitGroup
	for range hit.Rules[0].Limit {
		done.Go(func() {
			if w.store.ReturnHits(w.ctx, []idp.Taken{taken}) != nil {
				failed.Add(1)
			}
		})
	}
	done.Wait()
	w.same(int64(0), failed.Load(), "failed")
	exact(w, hit)
}
