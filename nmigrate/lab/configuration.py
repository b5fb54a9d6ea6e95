"""The configuration files of the lab's services, as text.

Every path in them is relative to the state folder, which is the working directory of every service: so that a
lab can be copied, moved, or lie in a folder whose name has spaces or letters that a URL would not bear.
"""

from pathlib import Path

# of these files, seen from the state folder: oslo.config would read a `$` in a whole path as an option
FOLDER = Path("../conf")
PASSWORD = "labpw"  # noqa: S105  # of every account; the lab listens on 127.0.0.1 only
REGION = "RegionOne"
# service -> distance of its port from the lab's first
PORTS = {"keystone": 0, "placement": 1, "glance": 2, "neutron": 3, "nova": 4, "control": 5, "cinder": 6}
# service -> type and path of its endpoint in Keystone's catalog
ENDPOINTS = {
    "keystone": ("identity", "/v3"),
    "placement": ("placement", ""),
    "glance": ("image", ""),
    "neutron": ("network", ""),
    "nova": ("compute", "/v2.1"),
    "cinder": ("block-storage", "/v3"),
}
DATABASES = ("keystone", "placement", "glance", "neutron", "nova_api", "nova_cell0", "nova_cell1", "cinder")
Sections = dict[str, dict[str, object]]


def url(service: str, port: int) -> str:
    """Where `service` listens in a lab whose first port is `port`, without a path."""
    return f"http://127.0.0.1:{port + PORTS[service]}"


def database(name: str) -> str:
    """SQLAlchemy's URL of a database, seen from the state folder; a writer waits up to 60 s for its turn."""
    return f"sqlite:///db/{name}.sqlite?timeout=60"


def render(sections: Sections) -> str:
    """The text of an oslo.config file."""
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {text(value)}\n" for key, value in options.items())
        for name, options in sections.items()
    )


def text(value: object) -> str:
    """A value as oslo.config reads it: a `$` would begin the name of another option."""
    return str(value).lower() if isinstance(value, bool) else str(value).replace("$", "$$")


def files(port: int, venv: Path) -> dict[str, str]:
    """Every configuration file: name below the folder of the configuration -> its text."""
    service_account: dict[str, object] = {
        "auth_url": f"{url('keystone', port)}/v3",
        "auth_type": "password",
        "username": "svc",
        "password": PASSWORD,
        "user_domain_name": "Default",
        "project_name": "service",
        "project_domain_name": "Default",
        "region_name": REGION,
    }
    token: Sections = {
        "keystone_authtoken": {
            "www_authenticate_uri": f"{url('keystone', port)}/v3",
            **service_account,
            "service_token_roles_required": True,
            "service_token_roles": "service",
        },
        "oslo_concurrency": {"lock_path": "locks"},
        "oslo_messaging_notifications": {"driver": "noop"},
    }
    return {
        "keystone/keystone.conf": render(keystone()),
        "placement/placement.conf": render(placement() | token),
        "glance/glance-api.conf": render(glance(port, venv) | token),
        "neutron/neutron.conf": render(neutron(venv, service_account) | token),
        "cinder/cinder.conf": render(cinder(port, venv, service_account) | token),
        "nova/nova.conf": render(nova(port, service_account) | token),
        "nova/api-paste.ini": (venv / "etc/nova/api-paste.ini").read_text(),
    }


def keystone() -> Sections:
    """Tokens last for a day; few rounds of hashing, as each service signs in again and again."""
    return {
        "database": {"connection": database("keystone")},
        # bcrypt's own limit; left at more, Keystone warns at each of the thousand checks of a password
        "identity": {"password_hash_rounds": 4, "max_password_length": 72},
        "token": {"provider": "fernet", "expiration": 86400},
        "fernet_tokens": {"key_repository": "fernet"},
        # not set, its keys would land in /etc
        "fernet_receipts": {"key_repository": "fernet"},
        "credential": {"key_repository": "credential"},
        "cache": {"enabled": True, "backend": "oslo_cache.dict"},
    }


def placement() -> Sections:
    """Nothing but its database."""
    return {"api": {"auth_strategy": "keystone"}, "placement_database": {"connection": database("placement")}}


def glance(port: int, venv: Path) -> Sections:
    """Images are files."""
    return {
        "DEFAULT": {
            "enabled_backends": "fs:file",
            "worker_self_reference_url": url("glance", port),
            "enabled_import_methods": "[]",
            "image_cache_dir": "glance/cache",
        },
        "database": {"connection": database("glance")},
        "glance_store": {"default_backend": "fs"},
        "fs": {"filesystem_store_datadir": "glance/images"},
        "os_glance_staging_store": {"filesystem_store_datadir": "glance/staging"},
        "os_glance_tasks_store": {"filesystem_store_datadir": "glance/tasks"},
        "paste_deploy": {"flavor": "keystone", "config_file": venv / "etc/glance/glance-api-paste.ini"},
    }


def neutron(venv: Path, service_account: dict[str, object]) -> Sections:
    """ML2 without agents: see services/any_host.py. As everywhere, Nova hears when the addresses of a port change."""
    unlimited = ("default_quota", *(f"quota_{x}" for x in ("network", "subnet", "port", "security_group")))
    return {
        "DEFAULT": {
            "transport_url": "fake://",
            "core_plugin": "ml2",
            "service_plugins": "",
            "api_paste_config": venv / "etc/neutron/api-paste.ini",
            "state_path": "neutron",
            "auth_strategy": "keystone",
            "notify_nova_on_port_status_changes": False,
            "notify_nova_on_port_data_changes": True,
            "dhcp_agent_notification": False,
        },
        "database": {"connection": database("neutron")},
        "nova": service_account,
        "quotas": {**dict.fromkeys(unlimited, -1), "quota_security_group_rule": -1},
        "ml2": {
            "type_drivers": "local,flat",
            "tenant_network_types": "local",
            "mechanism_drivers": "lab_any_host",
            "extension_drivers": "port_security",
        },
        "ml2_type_flat": {"flat_networks": "*"},
        "securitygroup": {"enable_security_group": True},
    }


def cinder(port: int, venv: Path, service_account: dict[str, object]) -> Sections:
    """One backend without disks: see services/labvol.py."""
    return {
        "DEFAULT": {
            "host": "controller",
            "my_ip": "127.0.0.1",
            "transport_url": "fake://",
            "auth_strategy": "keystone",
            "state_path": "cinder",
            "api_paste_config": venv / "etc/cinder/api-paste.ini",
            "resource_query_filters_file": venv / "etc/cinder/resource_filters.json",
            "enabled_backends": "lab",
            "default_volume_type": "__DEFAULT__",
            "glance_api_servers": url("glance", port),
            "osapi_max_limit": 1000,
            "report_interval": 10,
            "service_down_time": 60,
            "periodic_interval": 20,
            "periodic_fuzzy_delay": 0,
            "scheduler_driver_init_wait_time": 5,
            "executor_thread_pool_size": 16,
            **dict.fromkeys(("quota_volumes", "quota_gigabytes", "quota_snapshots"), -1),
        },
        "lab": {
            "volume_driver": "cinder.volume.drivers.labvol.LabVolumeDriver",
            "volume_backend_name": "lab",
        },
        "database": {"connection": database("cinder")},
        "nova": {
            "interface": "internal",
            "token_auth_url": f"{url('keystone', port)}/v3",
            **service_account,
        },
        "service_user": {"send_service_user_token": True, **service_account},
    }


def nova(port: int, service_account: dict[str, object]) -> Sections:
    """All of Nova shares one process and so one pool of threads: see services/nova_all.py."""
    unlimited = ("instances", "cores", "ram", "key_pairs", "server_groups", "server_group_members")
    return {
        "DEFAULT": {
            "host": "controller",
            "my_ip": "127.0.0.1",
            "transport_url": "fake://",
            "state_path": "nova",
            "compute_driver": "labfake.LabDriver",
            # both count for all hosts together, as their services share a process
            "max_concurrent_live_migrations": 16,
            "max_concurrent_builds": 64,
            "default_thread_pool_size": 64,
            "executor_thread_pool_size": 64,
            "cell_worker_thread_pool_size": 16,
            "rpc_response_timeout": 120,
            # A compute that is stopped stands for a host that fails: it waits for nothing (Nova's own is 160 s, and
            # what it waits for includes live migrations that were aborted).
            "manager_shutdown_timeout": 2,
            "graceful_shutdown_timeout": 15,
            "report_interval": 10,
            "service_down_time": 60,
            "reserved_host_memory_mb": 4096,
            "reserved_host_disk_mb": 51200,
            "update_resources_interval": 0,
            "running_deleted_instance_action": "noop",
            "heal_instance_info_cache_interval": -1,
            "enable_new_services": True,
        },
        "api": {"auth_strategy": "keystone", "max_limit": 1000},
        "api_database": {"connection": database("nova_api")},
        "database": {"connection": database("nova_cell1")},
        # nobody here tells Nova that a port is plugged: it would wait for up to 300 s
        "compute": {"live_migration_wait_for_vif_plug": False},
        "image_cache": {"manager_interval": -1},
        "conductor": {"workers": 1},
        "scheduler": {"workers": 1},
        "quota": dict.fromkeys(unlimited, -1),
        "vnc": {"enabled": False},
        "placement": dict(service_account),
        "neutron": dict(service_account),
        "glance": {**service_account, "api_servers": url("glance", port)},
        "cinder": {
            "catalog_info": "block-storage:cinder:internalURL",
            "os_region_name": REGION,
            **service_account,
        },
        "service_user": {"send_service_user_token": True, **service_account},
    }


def clouds_yaml(port: int) -> str:
    """The clouds.yaml of the lab: an entry for each kind of account.

    Each has its own, as openstacksdk merges what a caller gives with the only cloud of a file.
    """
    accounts = {
        "lab": ("admin", "admin"),
        "lab-member": ("demo", "demo"),
        "lab-manager": ("demomgr", "demo"),
        "lab-reader": ("demoread", "demo"),
    }
    entries = "".join(
        f"""  {cloud}:
    region_name: {REGION}
    identity_api_version: 3
    auth:
      auth_url: {url("keystone", port)}/v3
      username: {user}
      password: {PASSWORD}
      project_name: {project}
      user_domain_name: Default
      project_domain_name: Default
"""
        for cloud, (user, project) in accounts.items()
    )
    return f"clouds:\n{entries}"
