"""Whom a person can turn to: the names of those who may do something."""

from django.contrib.auth.models import User
from django.db.models import QuerySet

from nmigrate.states import Perm

NAMED = 4
"""More names than this help nobody."""


def administrators() -> list[str]:
    """Who can give somebody a role: the names of the active administrators."""
    return _names(User.objects.filter(is_active=True, is_superuser=True))


def who_may(permission: Perm, *, other_than: int | None = None) -> list[str]:
    """Active people with this permission, by name. `other_than`: the id of who asks, and may not answer."""
    users = User.objects.with_perm(
        permission.value, backend="django.contrib.auth.backends.ModelBackend", include_superusers=False
    )
    return _names(users if other_than is None else users.exclude(pk=other_than))


def _names(users: QuerySet[User]) -> list[str]:
    return [user.get_full_name() or user.get_username() for user in users.order_by("username")[:NAMED]]
