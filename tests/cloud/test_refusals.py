"""What the clouds' services refuse, in their own words (taken down on the lab), and what people read instead."""

import pytest

from nmigrate.cloud.refusals import plain_refusal

SAID = {
    "Compute service of compute3 is still in use.": "Its host still answers",
    "The target host can't be the same one.": "on that host already",
    "Compute host nowhere not found.": "does not know that host",
    "Compute host nowhere could not be found.": "does not know that host",
    "Instance 1b2e is locked": "locked in the cloud",
    "Service is unavailable at this time.": "compute service of its host is down",
    "Compute service of compute3 is unavailable at this time.": "compute service of its host is down",
    "Cannot 'os-migrateLive' instance 1b2e while it is in task_state migrating": "doing something else",
    "Instance 1b2e is not ready": "doing something else",
    "Instance 1b2e is in an invalid state for 'abort live migration'": "no longer at a point",
    "Instance 1b2e is in an invalid state for 'force_complete'": "no longer at a point",
    "Migration 7 state of instance 1b2e is running (post-copy). Cannot abort live migration while the migration is "
    "in this state.": "no longer at a point",
    'Specifying an availability zone or a host when unshelving server "1b2e" with status "shelved" is not supported. '
    "The server status must be SHELVED_OFFLOADED.": "still on its host",
    'Host "compute1" is not in the availability zone "nova".': "in another zone",
    "The requested availability zone is not available": "no zone of that name with a host in service",
    "Server can only be pinned to its current availability zone 'nova-1', but 'nova' was requested.": "not in that",
    "Invalid input for field/attribute server. Value: {'pinned_availability_zone': None}. Additional properties are "
    "not allowed ('pinned_availability_zone' was unexpected)": "too old",
    "IP address 10.20.1.220 already allocated in subnet 42a0": "Another network card still has one",
    "IP address 10.99.77.7 is not a valid IP for the specified subnet.": "does not belong to the subnet",
    "Invalid key_name provided.": "key pair of the same name",
    "Key pair 'k' already exists.": "key pair of the same name",
    "Quota exceeded for cores: Requested 2, but already used 20 of 20 cores": "quota of its project",
    "Instance group 0000 could not be found.": "server group no longer exists",
    "Image ad77694c-8442-4ac1-bb2c-4067b598f0e6 is not active.": "image of the snapshot",
    "Can not find requested image": "image of the snapshot",
}


@pytest.mark.parametrize(("said", "words"), SAID.items())
def test_people_read_a_sentence_that_says_what_to_do(said: str, words: str) -> None:
    assert words in plain_refusal(said)


def test_unknown_words_are_shown_as_they_are() -> None:
    assert "said why below" in plain_refusal("Flux capacitor is empty.")
