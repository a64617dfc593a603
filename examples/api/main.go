// Command api is a resource server: an API that takes Postern's access tokens,
// as a bearer's or bound to a key by DPoP (RFC 9449), and tells who called it.
// README.md beside it says how to run it. It reads from the environment:
//
//   - ISSUER: the tenant whose tokens it takes
//   - AUDIENCE: what the API is called there (`postern api create`), or several
//     names with commas; tokens that are for somebody else are refused
//   - SCOPE: what its callers' tokens must hold; empty is nothing more
//   - ORIGINS: web origins whose pages may call it, with commas
//   - LISTEN: where it listens; 127.0.0.1:8081 without it
//   - URL: where its callers reach it, which proofs name; http:// and LISTEN without it
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	listen := cmp.Or(os.Getenv("LISTEN"), "127.0.0.1:8081")
	provider, err := oidc.NewProvider(ctx, os.Getenv("ISSUER"))
	if err != nil {
		return err
	}
	var metadata struct {
		Keys string `json:"jwks_uri"`
	}
	if err := provider.Claims(&metadata); err != nil {
		return err
	}
	g := &guard{
		issuer: os.Getenv("ISSUER"), audiences: strings.Split(os.Getenv("AUDIENCE"), ","),
		scope: os.Getenv("SCOPE"), url: cmp.Or(os.Getenv("URL"), "http://"+listen),
		keys: oidc.NewRemoteKeySet(ctx, metadata.Keys), seen: map[string]time.Time{},
	}
	mux := http.NewServeMux()
	mux.Handle("GET /hello", g.protect(http.HandlerFunc(hello)))
	shared := share(strings.Split(os.Getenv("ORIGINS"), ","), mux)
	server := &http.Server{Addr: listen, Handler: shared, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	fmt.Printf("ready http://%s/hello\n", listen)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// hello is what the API is for.
func hello(w http.ResponseWriter, r *http.Request) {
	token := tokenOf(r.Context())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]string{"hello": token.Subject, "client": token.ClientID, "scope": token.Scope})
}
