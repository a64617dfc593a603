package keys

// Ready is how many spare keys there are.
func (s *Spares) Ready() int { return len(s.stock) }
