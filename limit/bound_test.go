package limit_test

import (
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"postern/idp"
	"postern/limit"
)

// A million keys in front of the database are within 64 MiB, and all but a few
// of them are still known after the last.
func TestAMillionPeersFitIn64MiB(t *testing.T) {
	const keys = 1_000_000
	rule := limit.Default().Attempt
	before := heap()
	front := limit.NewFront()
	for n := range uint64(keys) {
		front.Take(keyOf(n), rule, noon)
		front.Refuse(keyOf(n), noon.Add(time.Minute), noon)
	}
	grown := int64(heap()) - int64(before)
	t.Logf("%d keys take %.1f MiB", keys, float64(grown)/(1<<20))
	if grown > 64<<20 {
		t.Errorf("%d keys take %d MiB", keys, grown>>20)
	}
	known := 0
	for n := range uint64(keys) {
		if retryAt, refused := front.Refused(keyOf(n), noon); refused && retryAt.Equal(noon.Add(time.Minute)) {
			known++
		}
	}
	if known < keys*95/100 {
		t.Errorf("%d of %d keys are still known", known, keys)
	}
	for n := range uint64(keys) { // a second million takes the first one's place
		front.Take(keyOf(keys+n), rule, noon)
	}
	if grown := int64(heap()) - int64(before); grown > 64<<20 {
		t.Errorf("%d keys take %d MiB", 2*keys, grown>>20)
	}
	runtime.KeepAlive(front)
}

// keyOf scatters like the keyed hash that a key is.
func keyOf(n uint64) (key idp.LimitKey) {
	for i := range 4 {
		n += 0x9e3779b97f4a7c15
		x := (n ^ n>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		binary.BigEndian.PutUint64(key[8*i:], x^x>>31)
	}
	return key
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestForgettingAPeerInMemoryForgetsNoCount(t *testing.T) {
	w := newWorld(t, limit.Default())
	w.attempts(home, 300)
	for n := range 20_000 { // more than the memory holds
		w.attempt(peer(n))
	}
	w.after(time.Second)
	if w.attempt(home).Allowed {
		t.Error("a flood of other peers washed a full count away")
	}
}
