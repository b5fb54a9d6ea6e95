"""cinder_all.py CONFIG PORT: Cinder's API, scheduler and volume service in one process, without a broker."""

# mypy: disable-error-code="import-not-found"
# (its imports are in the lab's own environment)

import gc

gc.disable()  # collections while modules load cost a second of each start
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
import traceback  # noqa: E402
from pathlib import Path  # noqa: E402

CONFIG, PORT = sys.argv[1], int(sys.argv[2])
os.environ["OS_CINDER_DISABLE_EVENTLET_PATCHING"] = "true"
sys.argv = ["cinder-all"]
from cinder import monkey_patch  # noqa: E402

monkey_patch.patch(backend="threading")
from oslo_config import cfg  # noqa: E402

sys.argv += ["--config-file", CONFIG]
import labvol  # noqa: E402

sys.modules["cinder.volume.drivers.labvol"] = labvol  # Cinder takes drivers from its own package only
# cinder.cmd.volume is not for here: it registers options after they have been parsed
import os_brick  # noqa: E402
from cinder import service  # noqa: E402
from cinder.common import constants  # noqa: E402
from cinder.wsgi import wsgi as cinder_wsgi  # noqa: E402

REPORTING = threading.Lock()


class Service(service.Service):
    """Cinder keeps the id of the service that it reports for in a class attribute: with two services in one
    process only the last would ever report."""

    def report_state(self) -> None:
        with REPORTING:
            service.Service.service_id = self.origin_service_id
            super().report_state()


def main() -> None:
    import waitress

    conf = cfg.CONF
    # its locks take a URL with a whole path: where it can be had, one without the folder's own name
    itself = Path("/proc/self/cwd")
    folder = itself if itself.exists() else Path.cwd()
    conf.set_default("backend_url", f"file://{folder}/cinder", group="coordination")
    application = cinder_wsgi.initialize_application()
    os_brick.setup(conf)
    for backend in conf.enabled_backends:
        host = f"{conf.host}@{backend}"
        Service.create(
            host=host, service_name=backend, coordination=True, binary=constants.VOLUME_BINARY
        ).start()
    Service.create(binary=constants.SCHEDULER_BINARY).start()
    gc.freeze()
    gc.enable()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    waitress.serve(
        application,
        host="127.0.0.1",
        port=PORT,
        threads=8,
        channel_timeout=600,
        connection_limit=500,  # see serve.py
        ident="cinder-api",
    )


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # threads of the pools would keep a process that has failed
