"""What the cases ask of a stage again and again."""

from nmigrate.cloud import api
from tests.contract.stage import Stage


def record(stage: Stage, uuid: str) -> api.ServerMigration:
    return max(stage.cloud.server_migrations_of(uuid), key=lambda row: row.id)


def record_status(stage: Stage, uuid: str) -> str:
    rows = stage.cloud.server_migrations_of(uuid)
    return max(rows, key=lambda row: row.id).status if rows else ""


def at_rest(stage: Stage, uuid: str, *statuses: str) -> bool:
    server = stage.cloud.server(uuid)
    return server.status in statuses and not server.task_state


def until_rest(stage: Stage, uuid: str, *statuses: str) -> api.Server:
    stage.until(lambda: at_rest(stage, uuid, *statuses))
    return stage.cloud.server(uuid)


def exists(stage: Stage, uuid: str) -> bool:
    try:
        stage.cloud.server(uuid)
    except api.NotFound:
        return False
    return True


def newest_action(stage: Stage, uuid: str) -> tuple[str, str]:
    """Its word, and its request id."""
    found = stage.cloud.actions(uuid)[0]
    return found.action, found.request_id


def details(stage: Stage, uuid: str, request_id: str) -> dict[str, str]:
    """What the events of an action said: event -> details."""
    return {
        event.name: event.details for event in stage.cloud.action(uuid, request_id).events if event.details
    }


def can(stage: Stage, version: str) -> bool:
    """Whether this much of Nova is spoken here."""
    return api.microversion(stage.cloud.versions().used) >= api.microversion(version)
