"""Imports run one way: a lower floor never reaches up, and the domain never sees a request."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "nmigrate.sentences": (),
    "nmigrate.states": ("nmigrate.sentences",),
    "nmigrate.moves": ("nmigrate.states", "nmigrate.sentences"),
    "nmigrate.errors": (),
    "nmigrate.cloud.records": (),
    "nmigrate.cloud.api": ("nmigrate.cloud.records",),
    "nmigrate.cloud.wire": ("nmigrate.cloud", "nmigrate.sentences"),
    "nmigrate.models": ("nmigrate.sentences", "nmigrate.states", "nmigrate.moves", "nmigrate.models"),
    "nmigrate.selectors": (
        "nmigrate.sentences",
        "nmigrate.models",
        "nmigrate.states",
        "nmigrate.moves",
        "nmigrate.preflight",
        "nmigrate.roles",
        "nmigrate.audit",
        "nmigrate.cloud.api",
        "nmigrate.selectors",
    ),
    "nmigrate.preflight": (
        "nmigrate.sentences",
        "nmigrate.states",
        "nmigrate.cloud.api",
        "nmigrate.preflight",
    ),
    "nmigrate.audit": ("nmigrate.models", "nmigrate.sentences"),
}


def modules(folder: str) -> dict[str, set[str]]:
    """Module name -> the modules of ours that it imports."""
    found = {}
    for path in (ROOT / folder).rglob("*.py"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        imported: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported |= {f"{node.module}.{alias.name}" for alias in node.names}
        found[name] = imported
    return found


def test_each_floor_imports_only_what_is_below_it() -> None:
    wrong = []
    for name, imported in modules("nmigrate").items():
        for floor, allowed in ALLOWED.items():
            if name == floor or name.startswith(floor + "."):
                ours = {other for other in imported if other.startswith(("nmigrate.", "webui"))}
                wrong += [
                    f"{name} imports {other}" for other in ours if not other.startswith(allowed or ("-",))
                ]
    assert wrong == []


def test_the_domain_never_imports_the_web() -> None:
    wrong = [
        name for name, imported in modules("nmigrate").items() if any(i.startswith("webui") for i in imported)
    ]
    assert wrong == []


def test_only_the_cloud_folder_and_the_lab_import_openstack() -> None:
    wrong = [
        name
        for folder in ("nmigrate", "webui")
        for name, imported in modules(folder).items()
        if any(i.split(".")[0] in ("openstack", "keystoneauth1") for i in imported)
        and not name.startswith(("nmigrate.cloud.openstack", "nmigrate.cloud.failures", "nmigrate.lab"))
    ]
    assert wrong == []


def test_pages_never_reach_for_the_cloud() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, imported in modules("webui").items()
        for other in imported
        if other.startswith(
            ("nmigrate.cloud.openstack", "nmigrate.cloud.connect", "nmigrate.lab", "nmigrate.tasks")
        )
    ]
    assert wrong == []
