"""Sign in and out: Django's own, with our pages, and with what was typed before the sign-in."""

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.views.i18n import set_language

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

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """A choice of language comes here instead of to Django's own address when the page carries something: that
        one leads on by an address alone, and what is carried would be lost."""
        if "language" not in request.POST:
            return super().post(request, *args, **kwargs)
        chosen = set_language(request)
        if chosen.cookies:  # empty where there is no such language
            translation.activate(request.POST["language"])
        shown = self.render_to_response(self.get_context_data(form=SignInForm(request)))
        shown.cookies.update(chosen.cookies)
        return shown

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        onwards = super().form_valid(form)
        return unsent.bring_back(self.request) or onwards

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {unsent.CARRIED: unsent.carried(self.request)}


login = SignIn.as_view()
logout = LogoutView.as_view()
