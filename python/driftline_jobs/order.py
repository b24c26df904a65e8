"""What a job is to do, and where its files lie."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

from .faults import EXIT_FAULT, EXIT_REPLACED, Fault, classify, write_fault
from .files import FORMAT, Json, Owner, OwnerChanged, read_json, require_inside, show_progress

WorkKind = Literal["train", "lane", "inside", "deliver", "check"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_NAMED_BY: dict[str, str] = {"train": "cell", "lane": "lane", "inside": "hash", "check": "nonce"}
_PROGRESS = {"train": "t", "lane": "s", "inside": "i"}


class OrderError(ValueError):
    """The order makes no sense."""


@dataclass(frozen=True)
class Order:
    """order.json, and the attempt that does it."""

    kind: WorkKind
    storage: Path
    run: str
    name: str
    python: str | None = None
    vllm_python: str | None = None
    gpus: float = 1
    cpus: float = 1
    resources: Mapping[str, float] = field(default_factory=dict)
    tries: int = 3
    stalled_after: float = 1800
    models: Mapping[str, Any] = field(default_factory=dict)
    attempt: str = ""

    @property
    def folder(self) -> Path:
        """Of the work: where owner.json lies."""
        if self.kind == "train":
            return self.storage / "cells" / self.name
        if self.kind == "lane":
            return self.run_folder / "lanes" / self.name
        if self.kind == "inside":
            return self.run_folder / "inside" / self.name
        raise OrderError(f"{self.kind} has no folder")

    @property
    def run_folder(self) -> Path:
        return self.storage / "runs" / self.run

    @property
    def out(self) -> Path:
        """Where done.json and fault.json are written."""
        return self.folder / "out" if self.kind == "train" else self.folder

    @property
    def owner(self) -> Owner:
        return Owner(self.folder / "owner.json", self.attempt)

    def show(self, state: str) -> None:
        show_progress(self.run_folder / "progress", f"{_PROGRESS[self.kind]}-{self.name}", state)

    def alive(self) -> None:
        """A sign of life: a step, an answer, a look for more to do. Without one for `stalled_after` seconds the attempt is ended."""
        path = self.out / "alive"
        path.touch()
        os.utime(path)

    def fail(self, error: BaseException) -> Fault:
        """Writes why the work failed, unless another attempt has taken it over or has told already."""
        fault = classify(error)
        print(f"driftline: {fault.kind}: {fault.message}", file=sys.stderr)
        if (not self.attempt or self.owner.holds()) and not (self.out / "fault.json").exists():
            write_fault(self.out, fault)
        return fault

    def with_attempt(self, attempt: str) -> Order:
        return replace(self, attempt=attempt)

    def to_text(self) -> str:
        value: Json = {
            "v": FORMAT,
            "kind": self.kind,
            "storage": str(self.storage),
            "run": self.run,
            "python": self.python,
            "vllm_python": self.vllm_python,
            "gpus": self.gpus,
            "cpus": self.cpus,
            "resources": dict(self.resources),
            "tries": self.tries,
            "stalled_after": self.stalled_after,
            "models": dict(self.models) or None,
            "attempt": self.attempt,
        }
        if self.kind in _NAMED_BY:
            value[_NAMED_BY[self.kind]] = self.name
        return json.dumps({key: part for key, part in value.items() if part is not None})


def read_order(path: Path) -> Order:
    value = read_json(path)
    if value is None:
        raise OrderError(f"{path} is absent or no JSON object")
    return parse_order(value)


def parse_order(value: Json) -> Order:
    if value.get("v") != FORMAT:
        raise OrderError(f"the order is of version {value.get('v')}, and driftline_jobs reads version {FORMAT}")
    kind = value.get("kind")
    if kind not in ("train", "lane", "inside", "deliver", "check"):
        raise OrderError(f"there is no kind of work {kind!r}")
    storage = Path(_text(value, "storage"))
    if not storage.is_absolute() or ".." in storage.parts:
        raise OrderError("storage must be an absolute path")
    resources = value.get("resources", {})
    if not isinstance(resources, dict):
        raise OrderError("resources must be an object")
    models = value.get("models", {})
    if not isinstance(models, dict) or not all(isinstance(model, dict) for model in models.values()):
        raise OrderError("models must be an object of objects")
    return Order(
        kind=cast(WorkKind, kind),
        storage=storage,
        run=_name(value, "run"),
        name=_name(value, _NAMED_BY[kind]) if kind in _NAMED_BY else "",
        python=_optional_text(value, "python"),
        vllm_python=_optional_text(value, "vllm_python"),
        gpus=_number(value, "gpus", 1),
        cpus=_number(value, "cpus", 1),
        resources={str(key): float(cast(Any, amount)) for key, amount in resources.items()},
        tries=int(_number(value, "tries", 3)),
        stalled_after=_number(value, "stalled_after", 1800),
        models=models,
        attempt=str(value.get("attempt", "")),
    )


def _text(value: Json, key: str) -> str:
    part = value.get(key)
    if not isinstance(part, str) or part == "" or "\0" in part:
        raise OrderError(f"{key} must be a text")
    return part


def _optional_text(value: Json, key: str) -> str | None:
    return None if value.get(key) is None else _text(value, key)


def _name(value: Json, key: str) -> str:
    part = _text(value, key)
    if not _NAME.fullmatch(part):
        raise OrderError(f"{key} must be the name of a folder, not {part!r}")
    return part


def _number(value: Json, key: str, default: float) -> float:
    part = value.get(key, default)
    if isinstance(part, bool) or not isinstance(part, int | float) or not 0 <= part < 1e9:
        raise OrderError(f"{key} must be a number of at least 0")
    return part


def find_adapter(storage: Path, adapter: str) -> Path | None:
    """The folder of an adapter as a request names it; None while it is not there."""
    if adapter.startswith("folder:"):
        given = adapter.removeprefix("folder:")
        folder = Path(given) if Path(given).is_absolute() else require_inside(storage, given)
        return folder if (folder / "adapter_config.json").is_file() else None
    cell, _, step = adapter.partition("@")
    if not _NAME.fullmatch(cell) or (step and not step.isdigit()):
        raise OrderError(f"{adapter!r} names no adapter")
    out = storage / "cells" / cell / "out"
    folder = out / f"kept-{step}" if step else out
    # A kept adapter is whole as soon as it has its name, the last one when the cell is done.
    ready = folder.is_dir() if step else (out / "done.json").is_file()
    return folder if ready and (folder / "adapter_config.json").is_file() else None


def run_work(order: Order, work: Callable[[], None]) -> int:
    """Does the work of a process. Returns its exit code; what went wrong is told in STORAGE."""
    try:
        work()
    except OwnerChanged as error:
        print(f"driftline: {error}", file=sys.stderr)
        return EXIT_REPLACED
    except Exception as error:
        order.fail(error)
        return EXIT_FAULT
    return 0
