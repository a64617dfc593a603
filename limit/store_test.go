package limit_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"postern/idp"
)

// memory is a Store as a database keeps it, over idp.Counter.
type memory struct {
	mu       sync.Mutex
	counters map[idp.LimitKey][]byte
	trips    int // calls of TakeHits
	fail     error
}

func newMemory() *memory { return &memory{counters: map[idp.LimitKey][]byte{}} }

func (m *memory) TakeHits(_ context.Context, hits []idp.Hit, now time.Time) ([]idp.Verdict, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trips++
	if m.fail != nil {
		return nil, m.fail
	}
	verdicts := make([]idp.Verdict, len(hits))
	for i, hit := range hits {
		var counter idp.Counter
		counter, verdicts[i] = idp.ParseCounter(m.counters[hit.Key]).TakeMany(hit.Rules, hit.Hits(), now)
		m.counters[hit.Key] = counter.Encode()
	}
	return verdicts, nil
}

func (m *memory) ReturnHits(ctx context.Context, taken []idp.Taken) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, t := range taken {
		m.counters[t.Key] = idp.ParseCounter(m.counters[t.Key]).Return(t.Rules, t.At).Encode()
	}
	return nil
}

// hits tells how many are counted on all keys together.
func (m *memory) hits() (total int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.counters {
		c := idp.ParseCounter(b)
		if len(c.Hits) > 0 {
			total += len(c.Hits)
			continue
		}
		for _, count := range c.Spread[:min(1, len(c.Spread))] {
			for _, n := range count.Counts {
				total += int(n)
			}
		}
	}
	return total
}

var errDown = errors.New("the database is down: password=hunter2")

// testMAC is a MAC as keys makes it.
type testMAC struct{}

func (testMAC) MAC(t idp.TenantID, purpose string, parts ...[]byte) [32]byte {
	mac := hmac.New(sha256.New, []byte("key"))
	for _, part := range append([][]byte{[]byte(t), []byte(purpose)}, parts...) {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write(part)
	}
	return [32]byte(mac.Sum(nil))
}
