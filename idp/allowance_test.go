package idp_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/idp"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// slidingLog is the plainest true limiter: it remembers every hit for ever.
type slidingLog struct{ hits []time.Time }

func (l *slidingLog) inside(period time.Duration, now time.Time) int64 {
	n := int64(0)
	for i := len(l.hits) - 1; i >= 0 && l.hits[i].After(now.Add(-period)); i-- {
		n++
	}
	return n
}

func (l *slidingLog) take(rules []idp.Rule, now time.Time) bool {
	for _, rule := range rules {
		if l.inside(rule.Period, now) >= rule.Limit {
			return false
		}
	}
	l.hits = append(l.hits, now)
	return true
}

func (l *slidingLog) giveBack(at time.Time) {
	for i, h := range l.hits {
		if h.Equal(at) {
			l.hits = append(l.hits[:i], l.hits[i+1:]...)
			return
		}
	}
}

// stored takes a counter through its stored form, as every store does.
func stored(c idp.Counter) idp.Counter { return idp.ParseCounter(c.Encode()) }

func TestExactRulesDecideAsASlidingLogDoes(t *testing.T) {
	sets := [][]idp.Rule{
		{{Limit: 1, Period: time.Minute}, {Limit: 3, Period: 15 * time.Minute}, {Limit: 30, Period: 24 * time.Hour}},
		{{Limit: 10, Period: time.Hour}, {Limit: 60, Period: 24 * time.Hour}},
		{{Limit: 64, Period: 10 * time.Minute}},
		{{Limit: 2, Period: time.Hour}, {Limit: 5, Period: time.Minute}}, // the longer rule is the narrower
	}
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		rules := sets[int(seed)%len(sets)]
		now, truth, counter := noon, slidingLog{}, idp.Counter{}
		for step := range 400 {
			now = now.Add(pause(rng, rules))
			if len(truth.hits) > 0 && rng.IntN(6) == 0 {
				at := truth.hits[rng.IntN(len(truth.hits))]
				truth.giveBack(at)
				counter = stored(counter.Return(rules, at))
				continue
			}
			var v idp.Verdict
			counter, v = counter.Take(rules, now)
			counter = stored(counter)
			if want := truth.take(rules, now); v.Allowed != want {
				t.Fatalf("seed %d, step %d, at %s: allowed %t, a sliding log says %t", seed, step, now, v.Allowed, want)
			}
			checkRetry(t, counter, rules, v, now)
		}
	}
}

// pause draws a time from nothing at all to over the longest period, in full milliseconds.
func pause(rng *rand.Rand, rules []idp.Rule) time.Duration {
	span := rules[rng.IntN(len(rules))].Period
	if rng.IntN(4) > 0 {
		span /= 20
	}
	return time.Duration(rng.Int64N(int64(span/time.Millisecond)))*time.Millisecond + time.Duration(rng.IntN(2))*time.Millisecond
}

// checkRetry asks for the promise of RetryAt: nothing before it, something at it.
func checkRetry(t *testing.T, c idp.Counter, rules []idp.Rule, v idp.Verdict, now time.Time) {
	t.Helper()
	if v.RetryAt.Before(now) {
		t.Fatalf("RetryAt %s is before now %s", v.RetryAt, now)
	}
	if _, at := c.Take(rules, v.RetryAt); !at.Allowed {
		t.Fatalf("refused at the very RetryAt %s that was told at %s", v.RetryAt, now)
	}
	if v.RetryAt.Sub(now) > time.Millisecond {
		if _, early := c.Take(rules, v.RetryAt.Add(-time.Millisecond)); early.Allowed {
			t.Fatalf("allowed a millisecond before RetryAt %s", v.RetryAt)
		}
	}
}

func TestSpreadRulesNeverExceedTheirLimitInAnySpan(t *testing.T) {
	rules := []idp.Rule{{Limit: 100, Period: time.Minute}, {Limit: 700, Period: time.Hour}}
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 2))
		now, counter := noon, idp.Counter{}
		allowed := slidingLog{}
		for range 2500 {
			now = now.Add(time.Duration(rng.Int64N(int64(1200 * time.Millisecond))))
			if rng.IntN(300) == 0 {
				now = now.Add(time.Duration(rng.Int64N(int64(40 * time.Minute))))
			}
			var v idp.Verdict
			counter, v = counter.Take(rules, now)
			counter = stored(counter)
			checkSpread(t, &allowed, rules, v, now)
			checkRetry(t, counter, rules, v, now)
		}
	}
}

// checkSpread allows for a bucket of lateness, and for no leniency at all.
func checkSpread(t *testing.T, allowed *slidingLog, rules []idp.Rule, v idp.Verdict, now time.Time) {
	t.Helper()
	full := false
	for _, rule := range rules {
		full = full || allowed.inside(rule.Period+rule.Period/30+time.Nanosecond, now) >= rule.Limit
	}
	if !v.Allowed {
		if !full {
			t.Fatalf("refused at %s although no rule is full, not even over a bucket more", now)
		}
		return
	}
	for _, rule := range rules {
		if n := allowed.inside(rule.Period, now); n >= rule.Limit {
			t.Fatalf("hit %d allowed in a span of %s of which the limit is %d", n+1, rule.Period, rule.Limit)
		}
	}
	allowed.hits = append(allowed.hits, now)
}

func TestNoDoubleBurstAtTheEdgeOfAWindow(t *testing.T) {
	for _, rule := range []idp.Rule{{Limit: 5, Period: time.Second}, {Limit: 300, Period: time.Minute}, {Limit: 6_000, Period: 10 * time.Minute}} {
		counter, admitted := idp.Counter{}, int64(0)
		burst := func(at time.Time) {
			for range rule.Limit {
				var v idp.Verdict
				if counter, v = counter.Take([]idp.Rule{rule}, at); v.Allowed {
					admitted++
				}
			}
		}
		edge := noon.Truncate(rule.Period).Add(rule.Period)
		burst(edge.Add(-time.Millisecond))
		if admitted != rule.Limit {
			t.Fatalf("%v: a first burst of %d admitted %d", rule, rule.Limit, admitted)
		}
		burst(edge.Add(time.Millisecond))
		if admitted != rule.Limit {
			t.Errorf("%v: two bursts around an edge admitted %d", rule, admitted)
		}
	}
}

func TestAReturnedHitIsFreeAgain(t *testing.T) {
	for name, rules := range map[string][]idp.Rule{
		"exact rules":  {{Limit: 2, Period: time.Minute}},
		"spread rules": {{Limit: 65, Period: time.Minute}},
		"both":         {{Limit: 64, Period: time.Hour}, {Limit: 65, Period: 2 * time.Hour}},
	} {
		t.Run(name, func(t *testing.T) {
			counter, v, last := idp.Counter{}, idp.Verdict{Allowed: true}, noon
			for v.Allowed {
				last = last.Add(time.Millisecond)
				counter, v = counter.Take(rules, last)
			}
			counter = counter.Return(rules, noon.Add(time.Millisecond))
			if counter, v = counter.Take(rules, last); !v.Allowed {
				t.Fatal("a hit was given back, and no other is allowed")
			}
			if _, v = counter.Take(rules, last); v.Allowed {
				t.Fatal("one hit was given back, and two are allowed")
			}
		})
	}
}

func TestReturningWhatIsNotThereChangesNothing(t *testing.T) {
	rules := []idp.Rule{{Limit: 3, Period: time.Minute}, {Limit: 100, Period: time.Hour}}
	counter, _ := idp.Counter{}.Take(rules, noon)
	for _, at := range []time.Time{noon.Add(-24 * time.Hour), noon.Add(24 * time.Hour), noon.Add(10 * time.Minute)} {
		if diff := cmp.Diff(counter, counter.Return(rules, at)); diff != "" {
			t.Errorf("returning a hit of %s (-before +after):\n%s", at, diff)
		}
	}
	gone := counter.Return(rules, noon)
	if diff := cmp.Diff(gone, gone.Return(rules, noon)); diff != "" {
		t.Errorf("returning twice (-once +twice):\n%s", diff)
	}
}

func TestAHitIsReturnedAfterItsTakenWasStored(t *testing.T) {
	// What is stored as JSON must lead to the same hit, to the nanosecond.
	at := noon.Add(123456789 * time.Nanosecond)
	rules := []idp.Rule{{Limit: 1, Period: time.Minute}, {Limit: 100, Period: time.Minute}}
	counter, _ := idp.Counter{}.Take(rules, at)
	counter = stored(counter).Return(rules, at.In(time.FixedZone("", 3600)))
	if _, v := counter.Take(rules, at); !v.Allowed {
		t.Error("the hit is still counted")
	}
}

func TestALimitOfNothingAllowsNothing(t *testing.T) {
	for _, limit := range []int64{0, -1} {
		_, v := idp.Counter{}.Take([]idp.Rule{{Limit: limit, Period: time.Hour}}, noon)
		if v.Allowed || !v.RetryAt.Equal(noon.Add(time.Hour)) {
			t.Errorf("limit %d: %+v", limit, v)
		}
	}
}

func TestACounterStaysSmall(t *testing.T) {
	rules := []idp.Rule{{Limit: 64, Period: time.Minute}, {Limit: 1000, Period: time.Hour}, {Limit: 1_000_000, Period: 24 * time.Hour}}
	now, counter, largest := noon, idp.Counter{}, 0
	for range 5_000 {
		now = now.Add(700 * time.Millisecond)
		counter, _ = counter.Take(rules, now)
		largest = max(largest, len(counter.Encode()))
	}
	if largest > 1600 {
		t.Errorf("a counter grew to %d bytes", largest)
	}
	counter, _ = counter.Take(rules, now.Add(48*time.Hour))
	if size := len(counter.Encode()); size > 200 {
		t.Errorf("after two days of quiet a counter still has %d bytes", size)
	}
}

func TestHitsOfReplicasWhoseClocksDifferAllCount(t *testing.T) {
	for _, rule := range []idp.Rule{{Limit: 4, Period: time.Hour}, {Limit: 100, Period: time.Hour}} {
		counter, admitted := idp.Counter{}, int64(0)
		for i := range 3 * rule.Limit {
			skew := time.Duration(i%3-1) * 5 * time.Minute
			var v idp.Verdict
			counter, v = counter.Take([]idp.Rule{rule}, noon.Add(skew))
			counter = stored(counter)
			if v.Allowed {
				admitted++
			}
		}
		if admitted != rule.Limit {
			t.Errorf("%v: %d admitted over three clocks five minutes apart", rule, admitted)
		}
	}
}

func TestRulesCanBeTunedWithoutLosingCounts(t *testing.T) {
	minute := func(limit int64) []idp.Rule { return []idp.Rule{{Limit: limit, Period: time.Minute}} }
	counter := idp.Counter{}
	for range 80 {
		counter, _ = counter.Take(minute(100), noon)
	}
	if _, v := counter.Take(minute(80), noon); v.Allowed {
		t.Error("80 were counted; a limit lowered to 80 allows another")
	}
	two := append(minute(90), idp.Rule{Limit: 500, Period: time.Hour})
	_, v := counter.Take(two, noon)
	if want := (idp.Verdict{Allowed: true, RetryAt: noon, Remaining: 9}); !cmp.Equal(v, want) {
		t.Error(cmp.Diff(want, v))
	}
}

func TestRemainingCountsDownToTheNarrowestRule(t *testing.T) {
	rules := []idp.Rule{{Limit: 3, Period: time.Minute}, {Limit: 100, Period: time.Hour}}
	counter, got := idp.Counter{}, []int64{}
	for range 4 {
		var v idp.Verdict
		counter, v = counter.Take(rules, noon)
		got = append(got, v.Remaining)
	}
	if diff := cmp.Diff([]int64{2, 1, 0, 0}, got); diff != "" {
		t.Error(diff)
	}
}

func TestACounterMayBeForgottenOnceItExpires(t *testing.T) {
	for _, rules := range [][]idp.Rule{
		{{Limit: 2, Period: time.Minute}},
		{{Limit: 200, Period: time.Minute}},
		{{Limit: 1, Period: time.Hour}, {Limit: 200, Period: time.Minute}},
	} {
		counter, v := idp.Counter{}, idp.Verdict{Allowed: true}
		for v.Allowed {
			counter, v = counter.Take(rules, noon)
		}
		kept, _ := counter.Take(rules, counter.Expires(rules, noon))
		fresh, _ := idp.Counter{}.Take(rules, counter.Expires(rules, noon))
		if diff := cmp.Diff(fresh, kept); diff != "" {
			t.Errorf("%v: kept past its expiry, it still counts (-fresh +kept):\n%s", rules, diff)
		}
	}
}

func TestWhatCannotBeReadCountsAsNothing(t *testing.T) {
	for _, text := range []string{"", "null", "[]", "{", `{"h":"x"}`, "\x00\xff"} {
		if diff := cmp.Diff(idp.Counter{}, idp.ParseCounter([]byte(text))); diff != "" {
			t.Errorf("%q:\n%s", text, diff)
		}
	}
}

func TestTakingLeavesTheCounterItWasCalledOnAlone(t *testing.T) {
	rules := []idp.Rule{{Limit: 10, Period: time.Minute}, {Limit: 100, Period: time.Minute}}
	counter, _ := idp.Counter{}.Take(rules, noon)
	before := string(counter.Encode())
	counter.Take(rules, noon.Add(time.Millisecond))
	counter.Return(rules, noon)
	if after := string(counter.Encode()); after != before {
		t.Errorf("changed from %s to %s", before, after)
	}
}

func BenchmarkTake(b *testing.B) {
	rules := []idp.Rule{{Limit: 60, Period: 10 * time.Minute}, {Limit: 1000, Period: 24 * time.Hour}}
	now, counter := noon, idp.Counter{}
	for b.Loop() {
		now = now.Add(time.Second)
		counter, _ = counter.Take(rules, now)
		counter = stored(counter)
	}
}
