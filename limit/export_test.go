package limit

// Front is the memory in front of the store.
type Front = front

// NewFront gives one of the size that a Limiter has.
func NewFront() *Front { return newFront(frontKeys) }

// InHand is how many counts are taken ahead and not given out yet.
func InHand(l *Limiter) (left int) {
	for _, e := range l.store.held {
		left += int(e.left)
	}
	return left
}
