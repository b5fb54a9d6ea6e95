"""Sign in and out: Django's own, with our pages."""

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView

from nmigrate.sentences import say


class SignInForm(AuthenticationForm):
    error_messages = AuthenticationForm.error_messages | {
        "invalid_login": say("This name and password do not fit together. Mind capital letters."),
    }


login = LoginView.as_view(
    template_name="login.html", redirect_authenticated_user=True, authentication_form=SignInForm
)
logout = LogoutView.as_view()
