"""requests-oauthlib: OAuth 2 alone, so userinfo says who it is."""

import requests
from requests_oauthlib import OAuth2Session
from talk import done, open_in_browser, settings

metadata = requests.get(settings["issuer"] + "/.well-known/openid-configuration", timeout=10).json()
session = OAuth2Session(
    settings["clientId"], redirect_uri=settings["redirectUri"], scope=["openid", "email", "offline_access"], pkce="S256",
)
address, _ = session.authorization_url(metadata["authorization_endpoint"])
callback = open_in_browser(address)
tokens = session.fetch_token(
    metadata["token_endpoint"], authorization_response=callback, client_secret=settings["secret"],
)
renewed = session.refresh_token(
    metadata["token_endpoint"], auth=requests.auth.HTTPBasicAuth(settings["clientId"], settings["secret"]),
)
userinfo = session.get(metadata["userinfo_endpoint"]).json()
done({
    "claims": {**userinfo, "iss": metadata["issuer"]}, "userinfo": userinfo,
    "rotated": renewed["refresh_token"] != tokens["refresh_token"],
})
