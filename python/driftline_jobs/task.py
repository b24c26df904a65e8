"""What runs on a node: the way back, the owner of the work, a child that dies with it, and what the child's end means."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .faults import EXIT_REPLACED, Fault, child_environment, write_fault
from .files import Json, Owner, OwnerChanged, hash_bytes, mend_lines, read_json
from .order import Order, parse_order

_MODULES = {"train": "driftline_jobs.train", "lane": "driftline_jobs.sample", "inside": "driftline_jobs.inside"}
_LOOK_EVERY = 2.0


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended: `done`, `fault`, `killed` (worth another attempt), `replaced` or `unseen` (no STORAGE)."""

    state: str
    progress: int
    message: str = ""


def way_back_name(storage: Path) -> str:
    """Of the link in a node's log folder: two STORAGEs on one cluster do not meet."""
    return f"driftline-{hash_bytes(str(storage).encode())[:8]}"


def link_way_back(storage: Path, logs: Path) -> None:
    """Links STORAGE into the log folder of Ray's session on this node, where the dashboard reads files."""
    link = logs / way_back_name(storage)
    # Two tasks on a node may do it at the same moment.
    with contextlib.suppress(FileExistsError):
        if not link.is_symlink():
            link.symlink_to(storage)


def session_logs() -> Path:
    """The log folder of Ray's session on this node."""
    import ray

    return Path(ray._private.worker._global_node.get_logs_dir_path())


def do_on_node(order_text: str, job: str) -> Json:
    """The Ray task: one attempt, on the node that Ray chose."""
    import ray

    order = parse_order(json.loads(order_text))
    node = str(ray.get_runtime_context().get_node_id())
    link_way_back(order.storage, session_logs())
    print(json.dumps({"driftline": "placed", "node": node}), flush=True)
    if not _sees(order, job):
        message = f"The node {node} does not see {order.storage} as the head does"
        return describe(Outcome("unseen", 0, message))
    try:
        outcome = run_attempt(order, job, node, Path(__file__).resolve().parents[1], os.environ)
    except Fault as fault:
        outcome = _fail(order, fault, 0)
    return describe(outcome)


def _sees(order: Order, job: str, patience: float = 30.0) -> bool:
    """Whether what the driver wrote is seen here; network file systems may take a while."""
    until = time.monotonic() + patience
    while (read_json(order.folder / "placed.json") or {}).get("job") != job:
        if time.monotonic() > until:
            return False
        time.sleep(0.5)
    return True


def measure_progress(order: Order) -> int:
    """A number that grows while the work goes on, from its files alone."""
    if order.kind == "train":
        steps = [int(path.name.split("-")[1]) for path in order.out.glob("checkpoint-*") if path.name.split("-")[1].isdigit()]
        return max(steps, default=0)
    if order.kind == "lane":
        return sum(path.read_bytes().count(b"\n") for path in order.folder.glob("answers-*.jsonl"))
    return sum(len(mend_lines(path)) for path in order.folder.glob("*.jsonl"))


def run_attempt(order: Order, job: str, node: str, working_directory: Path, environment: Mapping[str, str]) -> Outcome:
    """Does the work once. Whatever is thrown here is a defect of ours or of STORAGE."""
    out = order.out
    if (out / "done.json").is_file():
        order.show("done")
        return Outcome("done", measure_progress(order))
    out.mkdir(parents=True, exist_ok=True)
    begun = measure_progress(order)
    same_job = (read_json(order.folder / "owner.json") or {}).get("job") == job
    fault = read_json(out / "fault.json")
    if fault is not None and same_job:
        return Outcome("fault", begun, str(fault.get("message", "")))
    (out / "fault.json").unlink(missing_ok=True)
    owner, idle = Owner.claim(order.folder / "owner.json", job, node, begun, order.gpus)
    mine = order.with_attempt(owner.attempt)
    if idle >= order.tries:
        return _fail(mine, Fault("killed", f"{idle} attempts were killed without progress", {"node": node, "attempts": idle}), begun)
    mine.show("waiting")
    mine.alive()
    command = [*_interpreter(order), "-m", _MODULES[order.kind], mine.to_text()]
    code = _run_child(mine, command, working_directory, child_environment(environment))
    progress = measure_progress(order)
    if code == "stalled":
        message = f"Nothing moved for {order.stalled_after:g} seconds"
        return _fail(mine, Fault("stalled", message, {"node": node, "progress": progress}), progress)
    if code == 0:
        if mine.owner.holds():
            mine.show("done")
        return Outcome("done", progress)
    if code in ("replaced", EXIT_REPLACED):
        return Outcome("replaced", progress)
    written = read_json(out / "fault.json")
    if written is not None:
        mine.show("fault")
        return Outcome("fault", progress, str(written.get("message", "")))
    how = signal.Signals(-code).name if isinstance(code, int) and code < 0 else f"exit code {code}"
    return Outcome("killed", progress, f"the work on {node} ended by {how}")


def _fail(order: Order, fault: Fault, progress: int) -> Outcome:
    write_fault(order.out, fault)
    order.show("fault")
    return Outcome("fault", progress, fault.message)


def _interpreter(order: Order) -> Sequence[str]:
    """Python as the order names it, without its working directory on the path: a file there shadows no module."""
    wanted = order.python or sys.executable
    found = shutil.which(wanted)
    if found is None:
        raise Fault("software", f"There is no {wanted} on this node")
    return [found, "-P"]


def _run_child(order: Order, command: Sequence[str], working_directory: Path, environment: dict[str, str]) -> int | str:
    environment = {
        **environment,
        "PYTHONPATH": str(working_directory),
        "PYTHONUNBUFFERED": "1",
        "PYTHONSAFEPATH": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, cwd=order.folder, start_new_session=True)
    alive = order.out / "alive"
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return child.wait(_LOOK_EVERY)
            try:
                order.owner.require()
            except OwnerChanged:
                return "replaced"
            order.owner.touch()
            with contextlib.suppress(FileNotFoundError):
                if time.time() - alive.stat().st_mtime > order.stalled_after:
                    return "stalled"
    finally:
        if child.poll() is None:
            # The whole session: what the child has started is of no use without it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def describe(outcome: Outcome) -> Json:
    return {"state": outcome.state, "progress": outcome.progress, "message": outcome.message}
