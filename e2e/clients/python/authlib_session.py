"""Authlib's OAuth 2 session, on requests or on httpx."""

import importlib
import secrets

from authlib.integrations.base_client import OAuthError
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet, import_key
from talk import done, open_in_browser, settings

http = importlib.import_module(settings["transport"])
if settings["transport"] == "httpx":
    from authlib.integrations.httpx_client import OAuth2Client as Session
else:
    from authlib.integrations.requests_client import OAuth2Session as Session


def authentication(metadata):
    if settings["method"] != "private_key_jwt":
        return settings["secret"]
    key = settings["key"]
    session.register_client_auth_method(
        PrivateKeyJWT(metadata["token_endpoint"], alg=key["alg"], headers={"kid": key["kid"]})
    )
    return import_key(key)


def claims_of(metadata, id_token, nonce=None):
    keys = KeySet.import_key_set(http.get(metadata["jwks_uri"]).json())
    token = jwt.decode(id_token, keys, algorithms=metadata["id_token_signing_alg_values_supported"])
    claims = CodeIDToken(
        token.claims, token.header, {"iss": {"value": metadata["issuer"]}, "aud": {"value": settings["clientId"]}},
        {"nonce": nonce, "client_id": settings["clientId"]},
    )
    claims.validate()
    return dict(claims)


session = Session(
    settings["clientId"], settings["secret"], token_endpoint_auth_method=settings["method"],
    revocation_endpoint_auth_method=settings["method"],
    scope="openid email offline_access", redirect_uri=settings["redirectUri"], code_challenge_method="S256",
)
metadata = http.get(settings["issuer"] + "/.well-known/openid-configuration").json()
session.client_secret = authentication(metadata)
nonce, verifier = secrets.token_urlsafe(), secrets.token_urlsafe(48)
address, state = session.create_authorization_url(metadata["authorization_endpoint"], nonce=nonce, code_verifier=verifier)
callback = open_in_browser(address)
tokens = session.fetch_token(metadata["token_endpoint"], authorization_response=callback, state=state, code_verifier=verifier)
claims = claims_of(metadata, tokens["id_token"], nonce)
renewed = session.refresh_token(metadata["token_endpoint"], tokens["refresh_token"])
userinfo = session.get(metadata["userinfo_endpoint"]).json()
introspected = session.introspect_token(metadata["introspection_endpoint"], token=renewed["access_token"]).json()
session.revoke_token(metadata["revocation_endpoint"], token=renewed["refresh_token"]).raise_for_status()
try:
    session.refresh_token(metadata["token_endpoint"], renewed["refresh_token"])
    after = "refreshed"
except OAuthError as err:
    after = err.error
done({
    "claims": claims, "userinfo": userinfo, "introspected": introspected, "afterRevocation": after,
    "rotated": renewed["refresh_token"] != tokens["refresh_token"],
    "renewedSub": claims_of(metadata, renewed["id_token"])["sub"],
})
