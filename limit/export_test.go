package limit

// Front is the memory in front of the store.
type Front = front

// NewFront gives one of the size that a Limiter has.
func NewFront() *Front { return newFront(frontKeys) }
