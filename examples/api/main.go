// Command api is a resource server: an API that takes Postern's access tokens,
// as a bearer's or bound to a key by DPoP (RFC 9449), and tells who called it.
//
//	ISSUER=http://127.0.0.1:8080/t/demo AUDIENCE=https://api.example go run ./examples/api
//
// AUDIENCE is what the API is called in the tenant (`postern api create`);
// tokens that are for somebody else are refused. URL is where its callers reach
// it, which proofs name; without it, that is http:// and LISTEN.
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
		url: cmp.Or(os.Getenv("URL"), "http://"+listen), keys: oidc.NewRemoteKeySet(ctx, metadata.Keys), seen: map[string]time.Time{},
	}
	mux := http.NewServeMux()
	mux.Handle("GET /hello", g.protect(http.HandlerFunc(hello)))
	server := &http.Server{Addr: listen, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
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
	_ = json.NewEncoder(w).Encode(map[string]string{"hello": token.Subject, "client": token.ClientID, "scope": token.Scope})
}
