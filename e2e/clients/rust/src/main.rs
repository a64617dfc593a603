//! A program that signs somebody in, by the crate openidconnect: settings come
//! as JSON in the environment, words go out on stdout, answers come in on stdin.

use std::error::Error;

use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata, CoreUserInfoClaims};
use openidconnect::{
    reqwest, AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken, IssuerUrl, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, RedirectUrl, Scope, TokenResponse,
};

fn main() -> Result<(), Box<dyn Error>> {
    let settings: serde_json::Value = serde_json::from_str(&std::env::var("SETTINGS")?)?;
    let setting = |name: &str| settings[name].as_str().unwrap_or_default().to_owned();

    let http = reqwest::blocking::ClientBuilder::new().redirect(reqwest::redirect::Policy::none()).build()?;
    let metadata = CoreProviderMetadata::discover(&IssuerUrl::new(setting("issuer"))?, &http)?;
    let client = CoreClient::from_provider_metadata(
        metadata,
        ClientId::new(setting("clientId")),
        Some(ClientSecret::new(setting("secret"))),
    )
    .set_redirect_uri(RedirectUrl::new(setting("redirectUri"))?);

    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (address, state, nonce) = client
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
        .add_scope(Scope::new("email".into()))
        .add_scope(Scope::new("offline_access".into()))
        .set_pkce_challenge(challenge)
        .url();

    println!("open {address}");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    let answer: std::collections::HashMap<String, String> =
        reqwest::Url::parse(answer.trim())?.query_pairs().into_owned().collect();
    if answer.get("state") != Some(state.secret()) {
        return Err("an answer to another question".into());
    }

    let tokens = client
        .exchange_code(AuthorizationCode::new(answer["code"].clone()))?
        .set_pkce_verifier(verifier)
        .request(&http)?;
    let id_token = tokens.id_token().ok_or("no ID token")?;
    let verifier = client.id_token_verifier();
    let claims = id_token.claims(&verifier, &nonce)?;
    if let Some(expected) = claims.access_token_hash() {
        let actual = AccessTokenHash::from_token(
            tokens.access_token(),
            id_token.signing_alg()?,
            id_token.signing_key(&verifier)?,
        )?;
        if actual != *expected {
            return Err("the access token is another's".into());
        }
    }

    let refresh_token = tokens.refresh_token().ok_or("no refresh token")?;
    let renewed = client.exchange_refresh_token(refresh_token)?.request(&http)?;
    let renewed_claims = renewed.id_token().ok_or("no new ID token")?.claims(&verifier, |_: Option<&Nonce>| Ok(()))?;
    let userinfo: CoreUserInfoClaims =
        client.user_info(renewed.access_token().clone(), Some(claims.subject().clone()))?.request(&http)?;

    println!(
        "done {}",
        serde_json::json!({
            "claims": claims,
            "userinfo": userinfo,
            "renewedSub": renewed_claims.subject(),
            "rotated": renewed.refresh_token().map(|t| t.secret()) != Some(refresh_token.secret()),
        })
    );
    Ok(())
}
