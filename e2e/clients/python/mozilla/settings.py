import requests
from django_base import *  # noqa: F403
from talk import settings

metadata = requests.get(settings["issuer"] + "/.well-known/openid-configuration", timeout=10).json()

INSTALLED_APPS += ["mozilla_django_oidc"]  # noqa: F405
MIDDLEWARE += ["mozilla_django_oidc.middleware.SessionRefresh"]  # noqa: F405
AUTHENTICATION_BACKENDS = ["mozilla.people.BySubject"]
ROOT_URLCONF = "mozilla.urls"
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "/"

OIDC_RP_CLIENT_ID = settings["clientId"]
OIDC_RP_CLIENT_SECRET = settings["secret"]
OIDC_RP_SIGN_ALGO = "RS256"
OIDC_USE_PKCE = True
OIDC_OP_AUTHORIZATION_ENDPOINT = metadata["authorization_endpoint"]
OIDC_OP_TOKEN_ENDPOINT = metadata["token_endpoint"]
OIDC_OP_USER_ENDPOINT = metadata["userinfo_endpoint"]
OIDC_OP_JWKS_ENDPOINT = metadata["jwks_uri"]
OIDC_OP_LOGOUT_ENDPOINT = metadata["end_session_endpoint"]
OIDC_OP_LOGOUT_URL_METHOD = "mozilla.people.sign_out_url"
OIDC_STORE_ID_TOKEN = True
OIDC_RENEW_ID_TOKEN_EXPIRY_SECONDS = settings["renewAfter"]
