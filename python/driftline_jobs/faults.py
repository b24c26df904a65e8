"""Why a piece of work failed: by kinds that driftline explains, without anything secret."""

from __future__ import annotations

import errno
import math
import os
import re
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from .files import FORMAT, Json, write_json

Kind = Literal["memory", "disk", "storage", "model", "tokenizer", "stalled", "loss", "recipe", "software", "killed", "other"]

EXIT_FAULT = 3
"""The exit code of a child that has written fault.json."""
EXIT_REPLACED = 4
"""The exit code of a child whose work another attempt has taken over."""

_LONGEST = 4000
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_SECRET_TEXT = re.compile(r"\b(?:hf_|sk-|sk_|tml-|ghp_|github_pat_)[A-Za-z0-9_-]{12,}|(?i:bearer\s+)[A-Za-z0-9._~+/=-]{8,}")
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class Fault(Exception):
    """A failure of a known kind; `detail` is JSON."""

    def __init__(self, kind: Kind, message: str, detail: object = None) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.message = message
        self.detail = detail


def is_secret(name: str) -> bool:
    """Whether an environment variable of this name may hold a secret."""
    return _SECRET_NAME.search(name) is not None


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What TRL and vLLM are started with: no secrets, but the login of the hub that models may need."""
    return {name: value for name, value in environment.items() if not is_secret(name) or name in ("HF_TOKEN", "HF_TOKEN_PATH")}


def redact(text: str, environment: Mapping[str, str]) -> str:
    """The text without values of secret environment variables, and without what looks like a key."""
    for name, value in environment.items():
        if is_secret(name) and len(value) >= 8:
            text = text.replace(value, "[redacted]")
    return _SECRET_TEXT.sub("[redacted]", text)


def classify(error: BaseException) -> Fault:
    """The fault that an exception of TRL, PEFT, transformers, vLLM or the file system is."""
    if isinstance(error, Fault):
        return error
    kind: Kind = "other"
    for cause in _causes(error):
        if isinstance(cause, Fault):
            return cause
        found = _kind_of(cause)
        if found is not None:
            kind = found
            break
    trace = "".join(traceback.format_exception(error))
    return Fault(kind, f"{type(error).__name__}: {error}"[:500], {"trace": trace[-_LONGEST:]})


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _kind_of(error: BaseException) -> Kind | None:
    text = str(error).lower()
    name = type(error).__name__
    if isinstance(error, MemoryError) or name == "OutOfMemoryError" or "out of memory" in text or "can't allocate memory" in text:
        return "memory"
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return "disk"
    if "no space left on device" in text or "disk quota exceeded" in text or "os error 28" in text:
        return "disk"
    if isinstance(error, ImportError):
        return "software"
    return None


def write_fault(folder: Path, fault: Fault, environment: Mapping[str, str] | None = None) -> Json:
    """Writes fault.json, the last file of work that failed."""
    known = os.environ if environment is None else environment
    record: Json = {
        "v": FORMAT,
        "kind": fault.kind,
        "message": redact(fault.message, known),
        "detail": _redact_json(fault.detail, known),
    }
    write_json(folder / "fault.json", record)
    return record


def _redact_json(value: object, environment: Mapping[str, str]) -> object:
    if isinstance(value, str):
        return redact(value, environment)[-_LONGEST:]
    if isinstance(value, Mapping):
        return {str(key): _redact_json(part, environment) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_redact_json(part, environment) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, int) else str(value)
