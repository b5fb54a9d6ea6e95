"""The Django application of the domain: records, inventory, queue and follower."""

from django.apps import AppConfig


class NmigrateConfig(AppConfig):
    name = "nmigrate"
    verbose_name = "Migration desk"
    default_auto_field = "django.db.models.BigAutoField"
