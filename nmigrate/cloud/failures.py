"""From what openstacksdk raises and Nova answers to CloudError: one plain sentence, the cloud's words kept apart.

Passwords and tokens never stand in these exceptions' texts; URLs may, and they go to `said` only.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openstack.config.loader
import openstack.exceptions as sdk
from keystoneauth1 import exceptions as ka

from nmigrate.cloud import api


@contextmanager
def explain(cloud: str) -> Iterator[None]:
    """Turn what the SDK raises inside this block into a CloudError about `cloud`."""
    try:
        yield
    except api.CloudError:
        raise
    except Exception as error:
        raise translate(cloud, error) from error


def translate(cloud: str, error: Exception) -> api.CloudError:
    """The CloudError for one exception. Unknown ones count as Unreachable: what was sent may have arrived."""
    said = f"{type(error).__name__}: {error}"
    operator = "An operator must look at its entry in clouds.yaml."
    if isinstance(error, sdk.ConfigException | FileNotFoundError):
        if "was not found" in str(error):
            return api.WrongSetting(_why_not_found(cloud), said)
        return api.WrongSetting(f"The settings of cloud {cloud} cannot be read. {operator}", said)
    if isinstance(error, ka.SSLError) or "certificate verify failed" in str(error).lower():
        return api.WrongSetting(
            f"The certificate of {cloud} is not trusted, so nothing was sent to it. "
            "An operator must set the right `cacert` in clouds.yaml or renew the certificate.",
            said,
        )
    if isinstance(error, ka.Unauthorized):
        return api.Unauthorized(
            f"{cloud} does not accept nmigrate's user name or password. {operator}",
            said,
        )
    if isinstance(
        error, ka.MissingRequiredOptions | ka.NoMatchingPlugin | ka.MissingAuthPlugin | ka.OptionError
    ):
        return api.WrongSetting(f"The login in the entry of cloud {cloud} is incomplete. {operator}", said)
    if isinstance(error, ka.Forbidden | sdk.ForbiddenException):
        return api.Unauthorized(
            f"nmigrate's account in {cloud} lacks a right that this needs. {operator}", said
        )
    if isinstance(error, ka.EndpointNotFound | ka.EmptyCatalog | sdk.ServiceDiscoveryException):
        return api.WrongSetting(
            f"{cloud} has no address for a service that nmigrate needs (Nova, placement). {operator}", said
        )
    if isinstance(error, ka.ConnectTimeout | ka.RequestTimeout):
        return api.Unreachable(f"{cloud} did not answer in time. It is tried again by itself.", said)
    if isinstance(
        error, ka.DiscoveryFailure | ka.ConnectFailure | ka.UnknownConnectionError | sdk.NotFoundException
    ):
        return api.Unreachable(f"{cloud} cannot be reached. It is tried again by itself.", said)
    return api.Unreachable(f"{cloud} gave no usable answer. It is tried again by itself.", said)


def _why_not_found(cloud: str) -> str:
    """openstacksdk says only that a cloud was not found, also where the file is missing or is no YAML."""
    config = openstack.config.OpenStackConfig()
    if config.config_filename:
        return (
            f"There is no cloud named {cloud} in clouds.yaml "
            f"(it has: {', '.join(config.get_cloud_names()) or 'none'}). "
            "An operator must add it, or correct NMIGRATE_CLOUDS."
        )
    named = os.environ.get("OS_CLIENT_CONFIG_FILE", "")
    places = [Path(named)] if named else [Path(name) for name in openstack.config.loader.CONFIG_FILES]
    there = [str(place) for place in places if place.exists()]
    if there:
        return f"{there[0]} cannot be read as YAML, so nothing is known of cloud {cloud}. An operator must correct it."
    where = named or "the working folder, ~/.config/openstack or /etc/openstack"
    return (
        f"There is no clouds.yaml ({where}), so nothing is known of cloud {cloud}. An operator must make one."
    )


def refuse_answer(cloud: str, answer: Any) -> None:
    """Raise for an HTTP answer of 400 and above; `answer` is a requests.Response."""
    code = answer.status_code
    if code < 400:
        return
    request_id = str(answer.headers.get("X-Openstack-Request-Id", ""))
    said = f"{code} {message_of(answer)}"
    if code == 401:
        raise api.Unauthorized(
            f"{cloud} does not accept nmigrate's user name or password. An operator must look at clouds.yaml.",
            said,
            request_id,
        )
    if code == 403:
        raise api.Unauthorized(
            f"nmigrate's account in {cloud} lacks a right that this needs. An operator must give it the admin role, "
            "or the policies that the README lists.",
            said,
            request_id,
        )
    if code == 404:
        raise api.NotFound("The cloud does not know it any more; it was probably deleted.", said, request_id)
    if code in (400, 409, 413, 422):
        raise api.Refused(plain_refusal(message_of(answer)), said, request_id)
    if code == 429:
        raise api.Refused(
            f"{cloud} is busy and asks to be left alone for a moment. Try again soon.", said, request_id
        )
    raise api.Unreachable(f"{cloud} has an internal problem and gave no usable answer.", said, request_id)


def message_of(answer: Any) -> str:
    """Nova's words inside an error body, whatever the body looks like."""
    try:
        body = answer.json()
    except ValueError:
        return str(answer.text)[:500]
    if isinstance(body, dict) and body:
        inner = next(iter(body.values()))
        if isinstance(inner, dict):
            return str(inner.get("message", inner))
        if isinstance(inner, list) and inner and isinstance(inner[0], dict):
            return str(inner[0].get("detail") or inner[0].get("title") or inner[0])
        return str(inner)
    return str(body)[:500]


_REFUSALS: tuple[tuple[str, str], ...] = (
    (
        r"Cannot migrate to the host where the server exists",
        "It is on that host already. Choose another host.",
    ),
    (
        r"Compute host (\S+) could not be found",
        "The cloud does not know that host. Choose one from the list.",
    ),
    (r"is locked", "It is locked in the cloud. Ask its owner, or an operator, to unlock it first."),
    (
        r"Service is unavailable at this time",
        "The compute service of its host is down, so Nova cannot move it. An operator must bring it back.",
    ),
    (
        r"while it is in (?:vm_state|task_state|power state)",
        "It is doing something else, or is in a state that does not allow this. Wait a moment and look again.",
    ),
)


def plain_refusal(said: str) -> str:
    """A sentence for the refusals that people meet; Nova's own words stand beside it."""
    for pattern, sentence in _REFUSALS:
        if re.search(pattern, said):
            return sentence
    return "Nova refused it and said why below. Show that to an operator."


# -- what is found out before or beside a call, in the same words wherever it is met


def no_role(cloud: str, project: str, said: str = "") -> api.Unauthorized:
    """A copy belongs to its original's project, and our account may not act there."""
    return api.Unauthorized(
        f"nmigrate's account has no role in project {project} of {cloud}, where the copy would belong. "
        "An operator must give it the roles admin and member there, or choose another way to move.",
        said,
    )


def flavor_is_gone(name: str) -> api.Refused:
    return api.Refused(
        f"Its flavor {name} no longer exists, so no copy with the same size can be made. "
        "Choose another way to move, or ask an operator to make the flavor again."
    )


def key_is_gone(name: str) -> api.Refused:
    return api.Refused(
        f"Its key pair {name} no longer exists with its owner, so no copy with the same key can be made. "
        "Choose another way to move, or ask the owner to upload the key again."
    )
