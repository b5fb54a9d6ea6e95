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
    users = _who_may(permission)
    return _names(users if other_than is None else users.exclude(pk=other_than))


def names_by_id(permission: Perm) -> dict[int, str]:
    """All active people with this permission, for who must leave out now this one, now that one."""
    return {user.pk: _name(user) for user in _who_may(permission).order_by("username")}


def _who_may(permission: Perm) -> QuerySet[User]:
    return User.objects.with_perm(
        permission.value, backend="django.contrib.auth.backends.ModelBackend", include_superusers=False
    )


def _names(users: QuerySet[User]) -> list[str]:
    return [_name(user) for user in users.order_by("username")[:NAMED]]


def _name(user: User) -> str:
    return user.get_full_name() or user.get_username()
