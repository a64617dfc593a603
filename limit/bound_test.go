package limit_test

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"postern/limit"
)

func TestAFloodOfPeersFitsInBoundedMemory(t *testing.T) {
	w := newWorld(t, limit.Default())
	w.store.fail = errDown // so that nothing but the memory in front grows
	heap := func() uint64 {
		w.log.Reset()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for n := range uint64(50_000) {
		var ip [16]byte
		binary.BigEndian.PutUint64(ip[:8], 0x2001_0db8_0000_0000+n)
		w.attempt(netip.AddrFrom16(ip))
		if w.log.Len() > 1<<20 {
			w.log.Reset()
		}
	}
	grown := int64(heap()) - int64(before)
	if grown > 10<<20 {
		t.Errorf("50,000 peers left %d KiB in memory", grown>>10)
	}
	runtime.KeepAlive(w)
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
