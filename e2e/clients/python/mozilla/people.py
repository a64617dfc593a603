from urllib.parse import urlencode

from django.conf import settings
from mozilla_django_oidc.auth import OIDCAuthenticationBackend


class BySubject(OIDCAuthenticationBackend):
    """Knows people by sub, which stays; an address may change."""

    def filter_users_by_claims(self, claims):
        return self.UserModel.objects.filter(username=claims["sub"])

    def create_user(self, claims):
        return self.UserModel.objects.create_user(claims["sub"], email=claims["email"])

    def update_user(self, user, claims):
        user.email = claims["email"]
        user.save()
        return user


def sign_out_url(request):
    return settings.OIDC_OP_LOGOUT_ENDPOINT + "?" + urlencode({
        "id_token_hint": request.session["oidc_id_token"],
        "post_logout_redirect_uri": request.build_absolute_uri("/"),
    })
