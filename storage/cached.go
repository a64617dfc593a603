package storage

import (
	"context"
	"sync/atomic"
	"time"

	"postern/idp"
)

// CacheLife keeps what another process changed unseen for half a second at most.
const CacheLife = 500 * time.Millisecond

// Cached remembers tenants and clients, which every request looks up, for ttl.
// What this process changes is seen at once. While the store cannot answer, what
// was found within the last minute still serves. Callers must not change the
// slices of what they are given: others read them too.
func Cached(s Store, ttl time.Duration, clock func() time.Time) Store {
	var unwell atomic.Bool
	return &cached{
		Store: s, tenants: newMemo[idp.Tenant](ttl, clock, &unwell), clients: newMemo[idp.Client](ttl, clock, &unwell),
	}
}

type cached struct {
	Store
	tenants *memo[idp.Tenant]
	clients *memo[idp.Client]
}

func (c *cached) FindTenantBySlug(ctx context.Context, slug string) (idp.Tenant, error) {
	return c.tenants.get(ctx, "slug "+slug, func(ctx context.Context) (idp.Tenant, error) {
		return c.Store.FindTenantBySlug(ctx, slug)
	})
}

func (c *cached) FindTenantByHost(ctx context.Context, host string) (idp.Tenant, error) {
	return c.tenants.get(ctx, "host "+host, func(ctx context.Context) (idp.Tenant, error) {
		return c.Store.FindTenantByHost(ctx, host)
	})
}

func (c *cached) FindRootTenant(ctx context.Context) (idp.Tenant, error) {
	return c.tenants.get(ctx, "root", c.Store.FindRootTenant)
}

func (c *cached) FindClient(ctx context.Context, t idp.TenantID, id idp.ClientID) (idp.Client, error) {
	return c.clients.get(ctx, string(t)+" "+string(id), func(ctx context.Context) (idp.Client, error) {
		return c.Store.FindClient(ctx, t, id)
	})
}

func (c *cached) UpdateTenant(ctx context.Context, t idp.Tenant) error {
	defer c.tenants.forget()
	return c.Store.UpdateTenant(ctx, t)
}

func (c *cached) DeleteTenant(ctx context.Context, t idp.TenantID) error {
	defer c.tenants.forget()
	defer c.clients.forget()
	return c.Store.DeleteTenant(ctx, t)
}

func (c *cached) UpdateClient(ctx context.Context, client idp.Client) error {
	defer c.clients.forget()
	return c.Store.UpdateClient(ctx, client)
}

func (c *cached) PutClients(ctx context.Context, t idp.TenantID, clients []idp.Client) error {
	defer c.clients.forget()
	return c.Store.PutClients(ctx, t, clients)
}

func (c *cached) DeleteClient(ctx context.Context, t idp.TenantID, id idp.ClientID, now time.Time) error {
	defer c.clients.forget()
	return c.Store.DeleteClient(ctx, t, id, now)
}
