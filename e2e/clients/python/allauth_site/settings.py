from django_base import *  # noqa: F403
from talk import settings

INSTALLED_APPS += [  # noqa: F405
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
]
MIDDLEWARE += ["allauth.account.middleware.AccountMiddleware"]  # noqa: F405
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ROOT_URLCONF = "allauth_site.urls"
LOGIN_REDIRECT_URL = "/"

SOCIALACCOUNT_ONLY = True
SOCIALACCOUNT_LOGIN_ON_GET = True
ACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "APPS": [{
            "provider_id": "postern",
            "name": "Postern",
            "client_id": settings["clientId"],
            "secret": settings["secret"],
            "settings": {
                "server_url": settings["issuer"],
                "token_auth_method": "client_secret_basic",
                "oauth_pkce_enabled": True,
            },
        }],
    },
}
