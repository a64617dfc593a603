package storagetest

import (
	"errors"
	"sync"
)

// racers is how many try at once what may happen once.
const racers = 50

// race runs do for all racers at once and gives what came of each.
func race[T any](do func(i int) (T, error)) ([]T, []error) {
	values, errs := make([]T, racers), make([]error, racers)
	var ready, done sync.WaitGroup
	ready.Add(racers)
	for i := range racers {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			values[i], errs[i] = do(i)
		})
	}
	done.Wait()
	return values, errs
}

// won fails unless so many racers got no error and all others lost with the given one.
func (w *world) won(errs []error, winners int, losing error) {
	w.t.Helper()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, losing):
			w.t.Fatalf("a loser got %v, want %v", err, losing)
		}
	}
	if won != winners {
		w.t.Fatalf("%d of %d won, want %d", won, len(errs), winners)
	}
}
