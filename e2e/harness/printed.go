package harness

import (
	"bytes"
	"sync"
)

// Printed is what a process has printed so far: one writes it while others read.
type Printed struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (p *Printed) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(text)
}

// String gives it.
func (p *Printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}
