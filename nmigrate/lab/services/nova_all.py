"""nova_all.py CONFIG_DIR PORT: all of Nova in one process, with native threads and without a broker.

API, conductor, scheduler, and a nova-compute for each host of computes.json.

On PORT + 1 listens a small control: see Control.
"""

# mypy: disable-error-code="import-not-found"
# (its imports are in the lab's own environment)

import gc

gc.disable()  # collections while modules load cost a second of each start
import http.server  # noqa: E402
import json  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
import traceback  # noqa: E402
from datetime import datetime  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402
from urllib.parse import quote  # noqa: E402

os.environ["OS_NOVA_CONFIG_DIR"], PORT = sys.argv[1], int(sys.argv[2])
os.environ["OS_NOVA_DISABLE_EVENTLET_PATCHING"] = "true"
sys.argv = ["nova-all"]
from nova import monkey_patch  # noqa: E402

monkey_patch.patch(backend="threading")
from paste import deploy  # noqa: E402

# Nova makes a URL of the path and does not quote it
loadapp = deploy.loadapp
deploy.loadapp = lambda uri, **options: loadapp(
    "config:" + quote(str(Path(uri.removeprefix("config:")).absolute())), **options
)
import labfake  # noqa: E402
import nova.virt  # noqa: E402

sys.modules["nova.virt.labfake"] = labfake  # Nova takes drivers from its own package only
nova.virt.labfake = labfake
from nova.wsgi import osapi_compute  # noqa: E402  # reads nova.conf, sets up messaging

import nova.conf  # noqa: E402  # isort: skip
import nova.thread_pool_factory  # noqa: E402
import os_brick  # noqa: E402
import os_vif  # noqa: E402
from keystoneauth1 import loading  # noqa: E402
from nova import context, objects, service  # noqa: E402
from nova.compute import rpcapi as compute_rpcapi  # noqa: E402
from nova.objects import host_mapping  # noqa: E402
from nova.scheduler.client import report  # noqa: E402
from oslo_service import opts as service_opts  # noqa: E402

CONF = nova.conf.CONF
LOG = logging.getLogger("nova.lab")
SERVICES: dict[tuple[str, str], Any] = {}
WAIT_SECONDS = 240  # for Keystone and Placement, which start at the same time

# one compute's stop() must not shut down the pools that all share
nova.thread_pool_factory.shutdown_all_executors = lambda: None
# Nova 34 reads every instance's allocation, one request each, inside each claim. Only reshapes need it, and
# with all computes in one process one lock covers them all.
report.SchedulerReportClient.get_allocations_for_provider_tree = lambda *_: {}


def start_service(binary: str, topic: str, host: str, **kwargs: Any) -> None:
    """Start one of Nova's services in this process."""
    started = service.Service.create(host=host, binary=binary, topic=topic, **kwargs)
    started.start()
    SERVICES[(binary, host)] = started


def start_compute(host: str) -> None:
    """Start the nova-compute of `host`."""
    start_service("nova-compute", compute_rpcapi.RPC_TOPIC, host, topic_alt=compute_rpcapi.RPC_TOPIC_ALT)


def stop_compute(host: str) -> None:
    """Stop the nova-compute of `host`, and let it look down at once instead of after service_down_time."""
    SERVICES.pop(("nova-compute", host)).stop()
    admin = context.get_admin_context()
    cell = objects.HostMapping.get_by_host(admin, host).cell_mapping
    with context.target_cell(admin, cell) as cell_context:
        record = objects.Service.get_by_host_and_binary(cell_context, host, "nova-compute")
        record.last_seen_up = datetime(2020, 1, 1)  # noqa: DTZ001  # as Nova keeps it: UTC without saying so
        record.save()


def report_up() -> None:
    """Report every service now: a restarted one would look down until its first report some seconds later."""
    for one in SERVICES.values():
        one.servicegroup_api._driver._report_state(one)


def allow_live(slots: int) -> None:
    """So many live migrations at a time from here on: Nova itself reads its limit only once."""
    factory, kind = nova.thread_pool_factory.FACTORY, nova.thread_pool_factory.ExecutorType.LIVE_MIGRATION
    factory._all_executors[kind] = factory._new_executor(slots, kind.value)


def discover() -> None:
    """Map hosts that are new to the cell."""
    host_mapping.discover_hosts(context.get_admin_context())


def wait_for_identity() -> None:
    """Until Keystone lets the service account in and knows where Placement is."""
    auth = loading.load_auth_from_conf_options(CONF, "placement")
    session = loading.load_session_from_conf_options(CONF, "placement", auth=auth)
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            if session.get("/", endpoint_filter={"service_type": "placement"}, authenticated=True).ok:
                return
        except Exception:
            if time.monotonic() > end:
                raise
        auth.invalidate()  # a token may be from before the catalog was written
        time.sleep(0.2)


class Control(http.server.BaseHTTPRequestHandler):
    """POST /compute/HOST/stop|start; /conf {group, name, value}; /periodic/HOST/TASK; /live {slots};
    /forget/INSTANCE. Answers with JSON."""

    def log_message(self, *args: Any) -> None:
        """Say nothing: each call is a test's own."""

    def do_POST(self) -> None:
        answer: dict[str, str]
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        try:
            self._act(self.path.strip("/").split("/"), body)
            answer, status = {}, 200
        except Exception as error:
            LOG.exception("control %s", self.path)
            answer, status = {"error": repr(error)}, 500
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _act(self, path: list[str], body: dict[str, Any]) -> None:
        match path:
            case ["conf"]:
                CONF.set_override(body["name"], body["value"], group=body.get("group"))
            case ["live"]:
                allow_live(body["slots"])
            case ["compute", host, "start"]:
                start_compute(host)
                discover()
                report_up()
            case ["compute", host, "stop"]:
                stop_compute(host)
            case ["periodic", host, task]:
                manager = SERVICES[("nova-compute", host)].manager
                getattr(manager, task)(context.get_admin_context())
            case ["forget", instance]:
                for one in list(SERVICES.values()):
                    if one.binary == "nova-compute":
                        one.manager.driver.forget(instance)
                    elif one.binary == "nova-scheduler":
                        one.manager.host_manager._instance_info.clear()  # it asks the database then
            case _:
                raise ValueError(f"no such control: {self.path}")


def main() -> None:
    import waitress

    service_opts.register_service_opts(CONF)
    os_brick.setup(CONF)
    os_vif.initialize()
    wait_for_identity()
    start_service("nova-conductor", "conductor", "controller")
    for host in json.loads(Path(os.environ["NMIGRATE_LAB_COMPUTES"]).read_text(encoding="utf-8")):
        start_compute(host)
    discover()
    start_service("nova-scheduler", "scheduler", "controller")
    report_up()
    gc.freeze()
    gc.enable()
    control = http.server.ThreadingHTTPServer(("127.0.0.1", PORT + 1), Control)
    threading.Thread(target=control.serve_forever, daemon=True).start()
    # not sys.exit: threads of Nova's pools would keep the process
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    waitress.serve(
        osapi_compute.application,
        host="127.0.0.1",
        port=PORT,
        threads=8,
        channel_timeout=600,
        connection_limit=500,  # see serve.py
        ident="nova-api",
    )


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # threads of the pools would keep a process that has failed
