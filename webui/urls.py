"""Every address of the application: one verb, one grep."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from webui.views import (
    account,
    approvals,
    audit,
    emptying,
    exports,
    figures,
    guiding,
    health,
    instances,
    migrations,
    mine,
    plans,
    topology,
    verdicts,
)


class Name(StringConverter):
    """Any text but a NUL, which PostgreSQL refuses even to look for."""

    regex = r"[^/\x00]+"


class FileEnding(StringConverter):
    """A format that the trail can be taken away in."""

    regex = "csv|json"


register_converter(Name, "name")
register_converter(FileEnding, "file_ending")

CLOUD = "clouds/<name:cloud>/"
INSTANCE = f"{CLOUD}instances/<str:uuid>/"
MIGRATION = "migrations/<int:pk>/"

urlpatterns = [
    path("", mine.home, name="home"),
    path("mine/", mine.mine, name="mine"),
    path("mine/now/", mine.mine_now, name="mine_now"),
    path("mine/chain/", mine.mine_chain, name="mine_chain"),
    path("clouds/", topology.home, name="clouds"),
    path(CLOUD, topology.topology, name="topology"),
    path(f"{CLOUD}picture/", topology.picture, name="topology_picture"),
    path(f"{CLOUD}freshness/", topology.freshness, name="topology_freshness"),
    path(f"{CLOUD}find/", topology.find, name="find"),
    path(f"{CLOUD}hosts/<name:host>/", topology.host, name="host"),
    path(f"{CLOUD}hosts/<name:host>/chips/", topology.host_chips, name="host_chips"),
    path(f"{CLOUD}hosts/<name:host>/panel/", topology.host_panel, name="host_panel"),
    path(f"{CLOUD}hosts/<name:host>/empty/", emptying.empty_host, name="empty_host"),
    path(f"{CLOUD}hosts/<name:host>/emptied/", emptying.emptied, name="emptied"),
    path(INSTANCE, instances.instance, name="instance"),
    path(f"{INSTANCE}status/", instances.status, name="instance_status"),
    path(f"{INSTANCE}no-landing/", verdicts.no_landing, name="no_landing"),
    path(f"{INSTANCE}move-menu/", topology.move_menu, name="move_menu"),
    path(f"{INSTANCE}migrate/", plans.request_migration, name="request_migration"),
    path(f"{INSTANCE}destinations/", verdicts.destinations, name="destinations"),
    path(f"{INSTANCE}start/", instances.start_instance, name="start_instance"),
    path(f"{INSTANCE}stop/", instances.stop_instance, name="stop_instance"),
    path(f"{INSTANCE}unlock/", instances.unlock_instance, name="unlock_instance"),
    path("migrations/", migrations.migrations, name="migrations"),
    path(MIGRATION, migrations.migration, name="migration"),
    path(f"{MIGRATION}status/", migrations.status, name="migration_status"),
    path(f"{MIGRATION}bar/", figures.migration_bar, name="migration_bar"),
    path(f"{MIGRATION}cancel/", migrations.cancel_migration, name="cancel_migration"),
    path(f"{MIGRATION}abort/", migrations.abort_migration, name="abort_migration"),
    path(f"{MIGRATION}force/", migrations.force_migration, name="force_migration"),
    path(f"{MIGRATION}retry/", migrations.retry_migration, name="retry_migration"),
    path(f"{MIGRATION}go-back/", migrations.go_back, name="go_back"),
    path(f"{MIGRATION}leave/", migrations.leave_migration, name="leave_migration"),
    path(f"{MIGRATION}decide/", approvals.decide, name="decide_migration"),
    path(f"{MIGRATION}approve/", approvals.approve_migration, name="approve_migration"),
    path(f"{MIGRATION}decline/", approvals.decline_migration, name="decline_migration"),
    path(f"{MIGRATION}confirm/", approvals.confirm_migration, name="confirm_migration"),
    path(f"{MIGRATION}reject/", approvals.reject_migration, name="reject_migration"),
    path("approvals/", approvals.approvals, name="approvals"),
    path("approvals/decide/", approvals.decide_together, name="decide_together"),
    path("approvals/badge/", approvals.badge, name="approvals_badge"),
    path("audit/", audit.audit_trail, name="audit_trail"),
    path("audit/export.<file_ending:ending>", exports.export_audit, name="export_audit"),
    path("audit/moves.<file_ending:ending>", exports.export_moves, name="export_moves"),
    path("audit/<int:pk>/", audit.audit_event, name="audit_event"),
    path("figures/", figures.figures, name="figures"),
    path("health/", health.health, name="health"),
    path("health/badge/", health.badge, name="findings_badge"),
    path("guide/", guiding.guide, name="guide"),
    path("guide/words/", guiding.words, name="guide_words"),
    path("tour/", guiding.tour, name="tour"),
    path("tour/now/", guiding.tour_now, name="tour_now"),
    path("components/", guiding.parts, name="components"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("login/", account.login, name="login"),
    path("logout/", account.logout, name="logout"),
]
