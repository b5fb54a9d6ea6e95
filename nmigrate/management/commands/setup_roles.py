"""`manage.py setup_roles`: writes the roles of `nmigrate.roles` into Django's groups. Run it as often as you like."""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.core.management.base import BaseCommand

from nmigrate.roles import ROLES


class Command(BaseCommand):
    help = "Create or correct the groups helpdesk, manager, auditor and operator with their permissions."

    def handle(self, *args: Any, **options: Any) -> None:
        for name, permissions in ROLES.items():
            group, _ = Group.objects.get_or_create(name=name)
            codes = [permission.split(".")[1] for permission in permissions]
            group.permissions.set(
                Permission.objects.filter(content_type__app_label="nmigrate", codename__in=codes)
            )
        if options["verbosity"]:
            self.stdout.write(f"Roles are set: {', '.join(ROLES)}.")
