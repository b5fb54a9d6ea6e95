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
from nmigrate.sentences import join, say


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
    operator = say("An operator must look at its entry in clouds.yaml.")
    if isinstance(error, sdk.ConfigException | FileNotFoundError):
        if "was not found" in str(error):
            return api.WrongSetting(_why_not_found(cloud), said)
        return api.WrongSetting(
            join([say("The settings of cloud {cloud} cannot be read.", cloud=cloud), operator]),
            said,
        )
    if isinstance(error, ka.SSLError) or "certificate verify failed" in str(error).lower():
        return api.WrongSetting(
            say(
                "The certificate of {cloud} is not trusted, so nothing was sent to it. "
                "An operator must set the right `cacert` in clouds.yaml or renew the certificate.",
                cloud=cloud,
            ),
            said,
        )
    if isinstance(error, ka.Unauthorized):
        return api.Unauthorized(
            join([say("{cloud} does not accept nmigrate's user name or password.", cloud=cloud), operator]),
            said,
        )
    if isinstance(
        error, ka.MissingRequiredOptions | ka.NoMatchingPlugin | ka.MissingAuthPlugin | ka.OptionError
    ):
        return api.WrongSetting(
            join([say("The login in the entry of cloud {cloud} is incomplete.", cloud=cloud), operator]),
            said,
        )
    if isinstance(error, ka.Forbidden | sdk.ForbiddenException):
        return api.Unauthorized(
            join(
                [say("nmigrate's account in {cloud} lacks a right that this needs.", cloud=cloud), operator]
            ),
            said,
        )
    if isinstance(error, ka.EndpointNotFound | ka.EmptyCatalog | sdk.ServiceDiscoveryException):
        return api.WrongSetting(
            join(
                [
                    say(
                        "{cloud} has no address for a service that nmigrate needs (Nova, placement).",
                        cloud=cloud,
                    ),
                    operator,
                ]
            ),
            said,
        )
    if isinstance(error, ka.ConnectTimeout | ka.RequestTimeout):
        return api.Unreachable(
            say("{cloud} did not answer in time. nmigrate keeps trying.", cloud=cloud), said
        )
    if isinstance(
        error, ka.DiscoveryFailure | ka.ConnectFailure | ka.UnknownConnectionError | sdk.NotFoundException
    ):
        return api.Unreachable(say("{cloud} cannot be reached. nmigrate keeps trying.", cloud=cloud), said)
    return api.Unreachable(say("{cloud} gave no usable answer. nmigrate keeps trying.", cloud=cloud), said)


def _why_not_found(cloud: str) -> str:
    """openstacksdk says only that a cloud was not found, also where the file is missing or is no YAML."""
    config = openstack.config.OpenStackConfig()
    if config.config_filename:
        names = config.get_cloud_names()
        has = join(names, ", ") if names else say("none")
        return say(
            "There is no cloud named {cloud} in clouds.yaml (it has: {names}). "
            "An operator must add it, or correct NMIGRATE_CLOUDS.",
            cloud=cloud,
            names=has,
        )
    named = os.environ.get("OS_CLIENT_CONFIG_FILE", "")
    places = [Path(named)] if named else [Path(name) for name in openstack.config.loader.CONFIG_FILES]
    there = [str(place) for place in places if place.exists()]
    if there:
        return say(
            "{file} cannot be read as YAML, so nothing is known of cloud {cloud}. An operator must correct it.",
            file=there[0],
            cloud=cloud,
        )
    return say(
        "There is no clouds.yaml ({where}), so nothing is known of cloud {cloud}. An operator must make one.",
        where=named or say("the working folder, ~/.config/openstack or /etc/openstack"),
        cloud=cloud,
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
            say(
                "{cloud} does not accept nmigrate's user name or password. An operator must look at clouds.yaml.",
                cloud=cloud,
            ),
            said,
            request_id,
        )
    if code == 403 and not is_quota(said):
        raise api.Unauthorized(
            say(
                "nmigrate's account in {cloud} lacks a right that this needs. An operator must give it the admin role, "
                "or the policies that the README lists.",
                cloud=cloud,
            ),
            said,
            request_id,
        )
    if code == 404:
        gone = say("The cloud does not know it any more; it was probably deleted.")
        raise api.NotFound(known_refusal(said) or gone, said, request_id)
    if code in (400, 403, 409, 413, 422):
        raise api.Refused(plain_refusal(message_of(answer)), said, request_id)
    if code == 429:
        raise api.Refused(
            say("{cloud} is busy and asks to be left alone for a moment. Try again soon.", cloud=cloud),
            said,
            request_id,
        )
    raise api.Unreachable(
        say("{cloud} has an internal problem and gave no usable answer.", cloud=cloud), said, request_id
    )


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
