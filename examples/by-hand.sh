#!/usr/bin/env bash
# A whole login by hand, against `postern dev`: what an OpenID Connect library
# and a browser do, with curl. Needs curl, jq, openssl and basenc.
#   examples/by-hand.sh [ISSUER] [ADDRESS]    CLIENT_ID: a public client whose redirect URI is http://127.0.0.1:3000/callback
set -euo pipefail
issuer=${1:-http://127.0.0.1:8080/t/demo} address=${2:-ada@example.com}
callback=http://127.0.0.1:3000/callback
jar=$(mktemp) && trap 'rm -f "$jar"' EXIT

say() { printf '\n%s\n' "$*"; }
browser() { curl -sS -b "$jar" -c "$jar" -H 'Sec-Fetch-Site: same-origin' "$@"; }
hidden() { # the hidden fields of a page's form, as curl wants them
  sed -n 's/.*<input type="hidden" name="\([^"]*\)" value="\([^"]*\)">.*/--data-urlencode\n\1=\2/p'
}
parameter() { sed -n "s/.*[?&]$1=\([^&]*\).*/\1/p"; }
decode() { tr '_-' '/+' | base64 -d 2>/dev/null || true; } # the padding that a JWT leaves out is no matter

say '1. The app reads the metadata.'
metadata=$(curl -sS "$issuer/.well-known/openid-configuration")
jq -c '{authorization_endpoint, token_endpoint, jwks_uri}' <<<"$metadata"

say '2. It sends the browser to the authorization endpoint, with a PKCE challenge.'
verifier=$(openssl rand -hex 32)
challenge=$(printf %s "$verifier" | openssl dgst -sha256 -binary | basenc --base64url | tr -d =)
state=$(openssl rand -hex 8)
page=$(browser -L -G "$(jq -r .authorization_endpoint <<<"$metadata")" -d response_type=code -d client_id="$CLIENT_ID" \
  --data-urlencode redirect_uri="$callback" -d scope=openid+email -d state="$state" \
  -d code_challenge="$challenge" -d code_challenge_method=S256)
grep -o '<title>[^<]*' <<<"$page" | cut -c8-

say '3. The person types an address.'
mapfile -t fields < <(hidden <<<"$page")
browser -o /dev/null -w '%{http_code} %{redirect_url}\n' "${fields[@]}" --data-urlencode email="$address" "$issuer/auth/login"

say '4. A mail comes.'
for _ in $(seq 50); do
  link=$(curl -sS -G "${issuer%/t/*}/dev/api/mail" --data-urlencode to="$address" | jq -r '.[0].link // empty')
  [ -n "$link" ] && break || sleep 0.1
done
echo "${link%%=*}=…"

say '5. The same browser opens the link, sees one button, and presses it.'
page=$(browser "$link")
grep -o '<title>[^<]*' <<<"$page" | cut -c8-
mapfile -t fields < <(hidden <<<"$page")
answer=$(browser -o /dev/null -w '%{redirect_url}' "${fields[@]}" "$issuer/auth/verify")
echo "303 ${answer%%\?*}?code=…&iss=…&state=$(parameter state <<<"$answer")"
[ "$(parameter state <<<"$answer")" = "$state" ]

say '6. The app redeems the code.'
tokens=$(curl -sS "$(jq -r .token_endpoint <<<"$metadata")" -d grant_type=authorization_code -d client_id="$CLIENT_ID" \
  -d code="$(parameter code <<<"$answer")" --data-urlencode redirect_uri="$callback" -d code_verifier="$verifier")
jq -c '{token_type, expires_in, scope}' <<<"$tokens"

say '7. The ID token says who it is.'
jq -r .id_token <<<"$tokens" | cut -d. -f2 | decode | jq .
