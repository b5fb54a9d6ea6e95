"""serve.py MODULE PORT: one WSGI application of OpenStack, MODULE.application, on 127.0.0.1."""

# mypy: disable-error-code="import-not-found"
# (its imports are in the lab's own environment)

import gc

gc.disable()  # collections while modules load cost a second of each start
import importlib  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import types  # noqa: E402


def lighten_keystone() -> None:
    """Leave out what a lab without SAML and eventlet does not need: two seconds of each start."""
    schema = types.ModuleType("saml2.xml.schema")
    schema.validate = lambda *_, **__: True  # type: ignore[attr-defined]
    schema.XMLSchemaError = ValueError  # type: ignore[attr-defined]
    sys.modules["saml2.xml.schema"] = schema
    from oslo_service import backend

    backend.init_backend(backend.BackendType.THREADING)


def complete_neutron() -> None:
    """Tie Neutron's models to each other now: the first question about ports after a start would fail."""
    from neutron.db.models import port_forwarding  # noqa: F401
    from sqlalchemy import orm

    orm.configure_mappers()


def lighten_neutron() -> None:
    """Leave out the news for agents, which read every port anew after each change: there are no agents."""
    from neutron.plugins.ml2 import ovo_rpc

    ovo_rpc.OVOServerRpcInterface._setup_change_handlers = lambda self: None  # noqa: ARG005


def main() -> None:
    module, port = sys.argv[1], int(sys.argv[2])
    sys.argv = [module.partition(".")[0]]  # keystone and others parse sys.argv as their own
    if module.startswith("keystone"):
        lighten_keystone()
    if module.startswith("neutron"):
        lighten_neutron()
    application = importlib.import_module(module).application
    if module.startswith("neutron"):
        complete_neutron()
    gc.freeze()
    gc.enable()
    import waitress

    # not sys.exit: threads of a service's pools would keep the process
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    # a connection is kept for 600 s; with waitress's own limit, a hundred would stop all others until then
    waitress.serve(
        application,
        host="127.0.0.1",
        port=port,
        threads=8,
        channel_timeout=600,
        connection_limit=500,
        ident=module,
    )


if __name__ == "__main__":
    main()
