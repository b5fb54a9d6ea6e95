"""Sign in and out: Django's own, with our pages, and with what was typed before the sign-in."""

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpResponse

from nmigrate.sentences import say
from webui import unsent


class SignInForm(AuthenticationForm):
    error_messages = AuthenticationForm.error_messages | {
        "invalid_login": say("This name and password do not fit together. Mind capital letters."),
    }


class SignIn(LoginView):
    template_name = "login.html"
    redirect_authenticated_user = True
    authentication_form = SignInForm

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        onwards = super().form_valid(form)
        return unsent.bring_back(self.request) or onwards

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {unsent.CARRIED: unsent.carried(self.request)}


login = SignIn.as_view()
logout = LogoutView.as_view()
