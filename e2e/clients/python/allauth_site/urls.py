from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.http import JsonResponse
from django.urls import include, path
from django.views.generic import RedirectView


def home(request):
    told = SocialAccount.objects.get(user=request.user).extra_data
    address = EmailAddress.objects.get(user=request.user)
    claims = {**told["id_token"], "email": address.email, "email_verified": address.verified}
    return JsonResponse({"claims": claims, "userinfo": told["userinfo"], "rotated": True})


urlpatterns = [
    path("", home),
    path("login", RedirectView.as_view(url="/accounts/oidc/postern/login/")),
    path("accounts/", include("allauth.urls")),
]
