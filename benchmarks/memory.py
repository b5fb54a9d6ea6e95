"""How much memory the application needs when nothing happens.

    var/.venv/bin/python -m benchmarks.memory PID

PID is a running `manage.py demo` or `manage.py up`. Prints the proportional set size (PSS: shared pages counted
once, from /proc/PID/smaps_rollup) of that process and all below it; the lab's OpenStack is left out.
"""

import argparse
from pathlib import Path


def family(root: int) -> set[int]:
    """The process and all that it started, directly or not."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it ended meanwhile
    found, grew = {root}, True
    while grew:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found, grew = found | more, bool(more)
    return found


def pss(pid: int) -> int:
    """Proportional set size in KiB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description="PSS of a running nmigrate.")
    parser.add_argument("pid", type=int)
    total = 0
    for pid in sorted(family(parser.parse_args().pid)):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
            size = pss(pid)
        except OSError:
            continue
        if "lab/services" not in command:
            total += size
            print(f"{size / 1024:6.0f} MB  {command[:100]}")  # noqa: T201 - what this program is for
    print(f"{total / 1024:6.0f} MB  together")  # noqa: T201


if __name__ == "__main__":
    main()
