"""The driver of a Ray job: puts files into STORAGE, and has a task do the work on a node until it is done or hopeless.

`python -m driftline_jobs.driver` in the working directory of the job. Needs 0 CPUs; the task waits for its GPUs as long as it takes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import sys
import time
from pathlib import Path

from .faults import EXIT_FAULT, Fault, write_fault
from .files import FORMAT, hash_file, read_json, require_inside, write_json, write_whole
from .order import Order, OrderError, read_order
from .task import Outcome, describe, do_on_node, link_way_back, session_logs

EXIT_SENSELESS = 4
EXIT_UNWRITABLE = 5
EXIT_REPLACED = 6
"""Another job has taken the work over."""


def unpack(delivered: Path, storage: Path) -> int:
    """Puts what was delivered into STORAGE under the same names; what is there already stays. Returns the files written."""
    written = 0
    # Requests and job.json come last in their folders: whoever sees them sees what they need.
    for path in sorted(delivered.rglob("*"), key=lambda path: (path.name == "job.json", "requests" in path.parts, str(path))):
        if path.is_symlink():
            raise OrderError(f"{path} is a link")
        if not path.is_file():
            continue
        target = require_inside(storage, path.relative_to(delivered).as_posix())
        if target.is_file() and target.stat().st_size == path.stat().st_size and hash_file(target) == hash_file(path):
            continue
        write_whole(target, path.read_bytes())
        written += 1
    return written


def mark_storage(storage: Path) -> None:
    """Gives STORAGE a mark of its own, once: whoever sees the same one elsewhere sees this STORAGE."""
    with contextlib.suppress(FileExistsError), (storage / "way-back").open("x") as file:
        file.write(secrets.token_hex(16) + "\n")


def say(event: str, **more: object) -> None:
    """For people who read the job's log."""
    print(json.dumps({"driftline": event, **more}), flush=True)


def place(order: Order, job: str) -> Outcome:
    """Runs one attempt as a Ray task on a node."""
    import ray

    # Ray does a task again whose node or worker died; `run_attempt` counts that, and ends it if nothing moves.
    options = {"num_gpus": order.gpus, "num_cpus": order.cpus, "resources": dict(order.resources), "max_retries": -1}
    found = ray.get(ray.remote(do_on_node).options(**options).remote(order.to_text(), job))
    return Outcome(str(found["state"]), int(found["progress"]), str(found["message"]))


def do_work(order: Order, job: str) -> int:
    """Attempts until the work is done or there is a fault; the exit code."""
    idle, moved = 0, -1
    order.folder.mkdir(parents=True, exist_ok=True)
    write_json(order.folder / "placed.json", {"v": FORMAT, "job": job})
    if not (order.out / "done.json").is_file():
        # A fault of an earlier job is history from here on.
        (order.out / "fault.json").unlink(missing_ok=True)
        order.show("waiting")
    while True:
        outcome = place(order, job)
        say("attempt-ended", **describe(outcome))
        if outcome.state == "done":
            return 0
        if outcome.state == "fault":
            return EXIT_FAULT
        if outcome.state == "unseen":
            return _fail(order, Fault("storage", outcome.message, {"storage": str(order.storage)}))
        if outcome.state == "replaced" and (read_json(order.folder / "placed.json") or {}).get("job") != job:
            say("replaced")
            return EXIT_REPLACED
        idle = idle + 1 if outcome.progress <= moved else 0
        moved = max(moved, outcome.progress)
        if idle > order.tries:
            return _fail(order, Fault("killed", f"Given up after {idle} attempts without progress: {outcome.message}"))
        time.sleep(1)


def _fail(order: Order, fault: Fault) -> int:
    write_fault(order.out, fault)
    order.show("fault")
    return EXIT_FAULT


def main() -> int:
    here = Path.cwd()
    try:
        order = read_order(here / "order.json")
        order.storage.mkdir(parents=True, exist_ok=True)
        mark_storage(order.storage)
        written = unpack(here / "deliver", order.storage) if (here / "deliver").is_dir() else 0
    except (OrderError, ValueError) as error:
        print(f"driftline: {error}", file=sys.stderr)
        return EXIT_SENSELESS
    except OSError as error:
        print(f"driftline: STORAGE cannot be written: {error}", file=sys.stderr)
        return EXIT_UNWRITABLE
    say("begin", kind=order.kind, name=order.name, delivered=written)
    if order.kind == "deliver":
        return 0
    import ray

    ray.init(log_to_driver=True, logging_level="warning")
    if order.kind == "check":
        from .check import check_cluster

        return check_cluster(order)
    link_way_back(order.storage, session_logs())
    # A job that is submitted again under the same id is another one: its driver began at another time.
    job = hashlib.sha256(f"{ray.get_runtime_context().get_job_id()}:{time.time_ns()}".encode()).hexdigest()[:16]
    return do_work(order, job)


if __name__ == "__main__":
    sys.exit(main())
