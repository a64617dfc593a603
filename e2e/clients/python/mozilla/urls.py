import jwt
from django.http import HttpResponse, JsonResponse
from django.template import engines
from django.urls import include, path
from mozilla_django_oidc.views import OIDCAuthenticationRequestView

LEAVE = '<form method="post" action="/oidc/logout/">{% csrf_token %}<button>Sign out</button></form>'


def home(request):
    if not request.user.is_authenticated:
        return JsonResponse({"signedOut": True})
    claims = jwt.decode(request.session["oidc_id_token"], options={"verify_signature": False})
    user = {"sub": request.user.username, "email": request.user.email}
    return JsonResponse({"claims": claims, "userinfo": user, "rotated": True})


def leave(request):
    return HttpResponse(engines["django"].from_string(LEAVE).render({}, request))


urlpatterns = [
    path("", home),
    path("leave", leave),
    path("login", OIDCAuthenticationRequestView.as_view()),
    path("oidc/", include("mozilla_django_oidc.urls")),
]
