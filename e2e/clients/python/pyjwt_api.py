"""An API in Flask that takes access tokens, by PyJWT."""

import jwt
import requests
from flask import Flask, request
from talk import say, settings

metadata = requests.get(settings["issuer"] + "/.well-known/openid-configuration", timeout=10).json()
keys = jwt.PyJWKClient(metadata["jwks_uri"])


def caller():
    """Who calls, by the claims of their token; raises jwt.InvalidTokenError."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise jwt.InvalidTokenError("no bearer token")
    claims = jwt.decode_complete(
        token, keys.get_signing_key_from_jwt(token), algorithms=["ES256"],
        issuer=metadata["issuer"], audience=settings["audience"], options={"require": ["exp", "sub", "client_id"]},
    )
    if claims["header"]["typ"] != "at+jwt" or "cnf" in claims["payload"]:
        raise jwt.InvalidTokenError("another kind of token, or one bound to a key")
    return claims["payload"]


app = Flask(__name__)


@app.errorhandler(jwt.PyJWTError)
def refused(_):
    return {}, 401, {"WWW-Authenticate": "Bearer"}


@app.get("/hello")
def hello():
    claims = caller()
    return {"client": claims["client_id"], "scope": claims["scope"]}


if __name__ == "__main__":
    say("ready", settings["origin"])
    app.run(port=int(settings["origin"].rsplit(":", 1)[1]))
