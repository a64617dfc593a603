package keys_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/idp"
	"postern/keys"
)

func TestANewTenantsRSAKeyIsASpareOne(t *testing.T) {
	spares := keys.NewSpares(1)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { spares.Run(ctx) })
	for spares.Ready() == 0 {
		time.Sleep(time.Millisecond)
	}
	stop()
	running.Wait()
	ring := keys.NewRing(&memory{}, newBox(t, 1), newClock().now).Use(spares)
	for _, tenant := range []idp.TenantID{"first", "second"} { // the second finds none
		if key, err := ring.Signer(t.Context(), tenant, idp.RS256); err != nil || key.Alg() != idp.RS256 {
			t.Errorf("%s: %v", tenant, err)
		}
		if spares.Ready() != 0 {
			t.Errorf("%s: the spare key was not taken", tenant)
		}
	}
}

// Key ids are typed on command lines.
func TestNoKeyIDLooksLikeAFlag(t *testing.T) {
	for range 1000 { // of which sixteen would by chance
		if kid, err := keys.NewKID(idp.EdDSA); err != nil || strings.HasPrefix(kid, "-") {
			t.Fatalf("%s, %v", kid, err)
		}
	}
}

func TestASpareKeyIsOneTenants(t *testing.T) {
	spares := keys.NewSpares(4)
	ctx, stop := context.WithCancel(t.Context())
	var running, asking sync.WaitGroup
	running.Go(func() { spares.Run(ctx) })
	for spares.Ready() < 4 {
		time.Sleep(time.Millisecond)
	}
	ring := keys.NewRing(&memory{}, newBox(t, 1), newClock().now).Use(spares)
	var mu sync.Mutex
	owners := map[string]idp.TenantID{}
	for _, tenant := range []idp.TenantID{"a", "b", "c", "d", "e", "f"} {
		asking.Go(func() {
			for _, alg := range []idp.Alg{idp.RS256, idp.PS256} {
				key, err := ring.Signer(t.Context(), tenant, alg)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if other, taken := owners[key.KID()]; taken {
					t.Errorf("%s and %s have one key", other, tenant)
				}
				owners[key.KID()] = tenant
				mu.Unlock()
			}
		})
	}
	asking.Wait()
	stop()
	running.Wait()
}
