"""From what openstacksdk raises and Nova answers to CloudError: one plain sentence, the cloud's words kept apart.

Passwords and tokens never stand in these exceptions' texts; URLs may, and they go to `said` only.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openstack.config.loader
import openstack.exceptions as sdk
from keystoneauth1 import exceptions as ka

from nmigrate.cloud import api
from nmigrate.cloud.refusals import is_quota, known_refusal, plain_refusal


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
    if code == 403 and not is_quota(said):
        raise api.Unauthorized(
            f"nmigrate's account in {cloud} lacks a right that this needs. An operator must give it the admin role, "
            "or the policies that the README lists.",
            said,
            request_id,
        )
    if code == 404:
        gone = "The cloud does not know it any more; it was probably deleted."
        raise api.NotFound(known_refusal(said) or gone, said, request_id)
    if code in (400, 403, 409, 413, 422):
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
