"""The base model of a piece of work, on this node: found, or fetched with the node's own login, and compared with what driftline saw."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from .faults import Fault
from .files import hash_file, hash_json

_SHA256 = re.compile(r"[0-9a-f]{64}")
_WANTED = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]


def find_model(storage: Path, model: Mapping[str, object], check_weights: bool = True) -> Path:
    """The folder of the model. What is missing or differs is a fault."""
    folder = _locate(storage, model)
    if not (folder / "config.json").is_file():
        raise Fault("model", f"There is no model in {folder} on this node", {"folder": str(folder)})
    for key, name in (("config_sha256", "config.json"), ("tokenizer_sha256", "tokenizer.json")):
        _compare_hash(folder, name, model.get(key), "tokenizer" if name.startswith("tokenizer") else "model")
    weights = model.get("weights")
    if check_weights and isinstance(weights, Mapping):
        for name, expected in weights.items():
            _compare_weights(storage, folder, str(name), expected)
    return folder


def _locate(storage: Path, model: Mapping[str, object]) -> Path:
    cell, folder, hub = model.get("cell"), model.get("folder"), model.get("hub")
    if isinstance(cell, str):
        step = model.get("step")
        out = storage / "cells" / cell / "out"
        return out / ("model" if step is None else f"kept-{step}")
    if isinstance(folder, str):
        return storage / folder  # an absolute one stays as it is
    if not isinstance(hub, str):
        raise Fault("model", "The job names no model")
    return _fetch(hub, str(model.get("commit") or "main"))


def _fetch(hub: str, commit: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise Fault("software", "huggingface_hub is missing") from error
    try:
        return Path(snapshot_download(hub, revision=commit, allow_patterns=_WANTED, local_files_only=True))
    except Exception:
        pass  # It is not whole here, and is fetched.
    try:
        return Path(snapshot_download(hub, revision=commit, allow_patterns=_WANTED))
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None and "space" in str(error).lower():
            raise
        detail = {"hub": hub, "commit": commit, "error": f"{type(error).__name__}: {error}"[:1000]}
        raise Fault("model", f"This node does not have {hub}, and cannot fetch it", detail) from error


def _compare_hash(folder: Path, name: str, expected: object, kind: str) -> None:
    if not isinstance(expected, str):
        return
    path = folder / name
    found = hash_file(path) if path.is_file() else None
    if found != expected:
        message = f"{path} is {'absent' if found is None else 'another one than driftline has'}"
        raise Fault("tokenizer" if kind == "tokenizer" else "model", message, {"file": name, "expected": expected, "found": found})


def _compare_weights(storage: Path, folder: Path, name: str, expected: object) -> None:
    path = folder / name
    if not path.is_file():
        raise Fault("model", f"{path} is absent", {"file": name})
    if isinstance(expected, int):
        if path.stat().st_size != expected:
            raise Fault("model", f"{path} has {path.stat().st_size} bytes, not {expected}", {"file": name})
        return
    if not isinstance(expected, str) or not _SHA256.fullmatch(expected):
        return
    real = path.resolve()
    # The hub's cache names a file by its hash.
    if real.name == expected:
        return
    state = real.stat()
    seen = storage / "verified" / hash_json([str(real), state.st_size, state.st_mtime_ns, expected])[:32]
    if seen.exists():
        return
    found = hash_file(path)
    if found != expected:
        raise Fault("model", f"{path} has other weights than driftline saw", {"file": name, "expected": expected, "found": found})
    seen.parent.mkdir(exist_ok=True)
    seen.touch()
