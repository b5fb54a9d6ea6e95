"""Which role holds which permission: one dict. `manage.py setup_roles` writes it into Django's groups."""

from nmigrate.states import Perm

ROLES: dict[str, tuple[Perm, ...]] = {
    "helpdesk": (Perm.VIEW, Perm.REQUEST, Perm.OPERATE),
    "manager": (Perm.VIEW, Perm.REQUEST, Perm.OPERATE, Perm.STOP, Perm.APPROVE, Perm.FORCE, Perm.AUDIT),
    "auditor": (Perm.VIEW, Perm.AUDIT),
    "operator": (
        Perm.VIEW,
        Perm.REQUEST,
        Perm.OPERATE,
        Perm.STOP,
        Perm.UNLOCK,
        Perm.FORCE,
        Perm.EVACUATE,
        Perm.AUDIT,
    ),
}
