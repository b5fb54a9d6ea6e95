"""How long a person waits: from the click to Nova's acceptance, and from Nova's state change to the open page.

    var/.venv/bin/python -m benchmarks.latency [--moves 10]

Runs the whole application on a real Nova and a real Chromium, one cold migration after the other, and prints the
median and the slowest of both. "Accepted" is the moment that Nova's 202 passes the relay in front of Nova; the
state change is the time that Nova itself wrote on its migration record ("finished"); the page's time is the moment
that the words stand in the open page, told by the page itself. All clocks are this machine's.
"""

import argparse
import os
import shutil
import statistics
import time
from datetime import UTC, datetime
from functools import partial

from playwright.sync_api import sync_playwright

from nmigrate.lab import Lab
from nmigrate.states import LABELS, State
from tests.lab.fixtures import VAR, free_block, wait_for
from tests.lab.fixtures import boot as boot_server
from tests.story.desk import CHROMIUM_ARGUMENTS, PASSWORD, Desk

WATCH = """words => { window.seenAt = null; const look = () => {
    if (!window.seenAt && document.querySelector('#migration-status').innerText.includes(words))
        window.seenAt = Date.now() };
    new MutationObserver(look).observe(document.body, {childList: true, subtree: true}); look() }"""


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - what this program is for


def measure(desk: Desk, moves: int) -> tuple[list[float], list[float]]:
    """Seconds from click to acceptance, and from Nova's change to the page, one of each per move."""
    to_nova, to_page = [], []
    admin = desk.lab.client()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page()
        page.goto(f"{desk.url}/login/")
        page.get_by_label("Name").fill("helpdesk")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        for number in range(moves):
            uuid = boot(desk, f"bench-{number}")
            accepted: list[float] = []
            desk.relay.on_accepted = partial(note, accepted)
            page.goto(f"{desk.url}/clouds/lab/instances/{uuid}/migrate/")
            page.get_by_label("Why is it moved?").fill("benchmark")
            clicked = time.time()
            page.locator("button.primary[data-names-host]").click(no_wait_after=True)
            page.wait_for_url("**/migrations/*/")
            page.evaluate(WATCH, LABELS[State.WAITING])
            words = page.locator("#migration-status").get_by_text(LABELS[State.WAITING])
            words.first.wait_for(timeout=60_000)
            desk.relay.on_accepted = None
            row = admin.get("nova", f"/os-migrations?instance_uuid={uuid}")["migrations"][0]
            finished = datetime.fromisoformat(row["updated_at"]).replace(tzinfo=UTC).timestamp()
            to_nova.append(accepted[0] - clicked)
            to_page.append(page.evaluate("window.seenAt") / 1000 - finished)
            say(
                f"move {number + 1}: accepted after {to_nova[-1]:.2f} s, shown {to_page[-1]:.2f} s after the change"
            )
        browser.close()
    return to_nova, to_page


def note(times: list[float], _body: str) -> bool:
    """Keep the moment at which Nova accepted an order; False lets the answer pass."""
    times.append(time.time())
    return False


def boot(desk: Desk, name: str) -> str:
    """A stopped instance that the application knows."""
    uuid = str(boot_server(desk.lab, name, host="compute1", stopped=True).id)
    at_rest = "SELECT 1 FROM nmigrate_instance WHERE uuid = ? AND status = 'SHUTOFF' AND task_state = ''"
    wait_for(lambda: desk.rows(at_rest, uuid), 60, "the inventory to know it")
    return uuid


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--moves", type=int, default=10)
    moves = parser.parse_args().moves
    lab = Lab(VAR / "bench-lab", free_block(7), VAR / ".venv-lab")
    lab.install(say)
    lab.wipe()
    try:
        lab.up(say)
        lab.behaviour(cold_migrate_seconds=2)
        desk = Desk(lab, "bench")
        try:
            desk.first_start()
            to_nova, to_page = measure(desk, moves)
        finally:
            desk.stop()
    finally:
        lab.down()
    for words, found in (
        ("click to Nova's acceptance", to_nova),
        ("Nova's change to the open page", to_page),
    ):
        say(f"{words}: median {statistics.median(found):.2f} s, slowest {max(found):.2f} s, n = {len(found)}")


if __name__ == "__main__":
    main()
