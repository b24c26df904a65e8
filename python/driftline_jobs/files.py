"""The files that driftline and its jobs agree on: canonical JSON, lines with a check, marks of an end, owners, progress.

Whatever is read here may have been cut off by a death, so that nothing counts before it is whole. Standard library only.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import math
import os
import secrets
import shutil
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

Json = dict[str, Any]

FORMAT = 1
"""Raised when a file means something else than before."""

_EXACT = 2**53
_CHUNK = 1 << 20


# --- Canonical JSON: the bytes that `canonicalJson` of src/foundation/content-hash.ts writes.


def canonical_json(value: object) -> str:
    """JSON without white space, keys in the order of their UTF-16 code units, numbers as JavaScript writes them (RFC 8785)."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return _write_text(value)
    if isinstance(value, int | float):
        return _write_number(value)
    if isinstance(value, Mapping):
        return _write_object(cast("Mapping[object, object]", value))
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return "[" + ",".join(canonical_json(item) for item in cast("Sequence[object]", value)) + "]"
    raise TypeError(f"{type(value).__name__} is not JSON")


def _write_object(value: Mapping[object, object]) -> str:
    keys: list[str] = []
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"a key is {type(key).__name__}, not text")
        keys.append(key)
    keys.sort(key=lambda key: key.encode("utf-16-be", "surrogatepass"))
    return "{" + ",".join(f"{_write_text(key)}:{canonical_json(value[key])}" for key in keys) + "}"


def _write_text(text: str) -> str:
    written = json.dumps(text, ensure_ascii=False)
    if written.isascii():
        return written
    # JSON.parse joins pairs of surrogates, and JSON.stringify escapes those that are left alone.
    joined = written.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return "".join(f"\\u{ord(c):04x}" if 0xD800 <= ord(c) <= 0xDFFF else c for c in joined)


def _write_number(value: float) -> str:
    if isinstance(value, int) and -_EXACT <= value <= _EXACT:
        return str(value)
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is not JSON")
    if number == 0:
        return "0"
    sign, digits, exponent = _shortest_digits(number)
    # The cases of Number::toString in ECMAScript, where the value is 0.digits * 10 ** point.
    count, point = len(digits), len(digits) + exponent
    if count <= point <= 21:
        return f"{sign}{digits}{'0' * (point - count)}"
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    power = point - 1
    fraction = f".{digits[1:]}" if count > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{'+' if power > 0 else '-'}{abs(power)}"


def _shortest_digits(number: float) -> tuple[str, str, int]:
    """Sign, digits and exponent of the shortest decimal that reads back as the number."""
    mantissa, _, exponent = repr(number).partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    power = int(exponent or "0") - len(fraction)
    bare = digits.rstrip("0")
    return sign, bare, power + len(digits) - len(bare)


def hash_bytes(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def hash_json(value: object) -> str:
    """SHA-256 of the canonical JSON, as `hashJson` gives it."""
    return hash_bytes(canonical_json(value).encode())


def hash_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


# --- Lines: JSON objects with `check`, the first 16 digits of the hash of the rest.


def write_line(value: Mapping[str, object]) -> str:
    """The line of a value, its line break included."""
    body = {key: part for key, part in value.items() if key != "check"}
    return canonical_json({**body, "check": hash_json(body)[:16]}) + "\n"


def read_line(line: str | bytes) -> Json | None:
    """The value of a line without its check; None for what is cut off or damaged."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    body = cast("Json", value)
    check = body.pop("check", None)
    try:
        return body if check == hash_json(body)[:16] else None
    except ValueError:
        return None


def write_closed_lines(path: Path, values: Iterable[Mapping[str, object]]) -> None:
    """Writes lines, packed with gzip if the name says so, and a last line {lines: n} that tells that all are there."""
    count = 0
    parts: list[str] = []
    for value in values:
        parts.append(write_line(value))
        count += 1
    parts.append(write_line({"lines": count}))
    content = "".join(parts).encode()
    write_whole(path, gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def read_closed_lines(path: Path) -> list[Json] | None:
    """The values of a file of `write_closed_lines`; None where it is absent, cut off or damaged."""
    try:
        raw = path.read_bytes()
        content = gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (OSError, EOFError, ValueError):
        return None
    except Exception as error:  # zlib.error has no base class of its own
        if type(error).__name__ != "error":
            raise
        return None
    values = [read_line(line) for line in content.splitlines()]
    if not values or any(value is None for value in values):
        return None
    *body, last = cast("list[Json]", values)
    return body if last == {"lines": len(body)} else None


def mend_lines(path: Path) -> list[Json]:
    """The sound lines of a file that grows; a half-written end is cut off, damaged lines stay and do not count."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) != len(content):
        with path.open("r+b") as file:
            file.truncate(len(whole))
            os.fsync(file.fileno())
    return [value for value in map(read_line, whole.splitlines()) if value is not None]


# --- Whole files.


def write_whole(path: Path, content: bytes | str) -> None:
    """Writes a file that is either whole or not there: to `.part`, flushed to the disk, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_json(path: Path, value: Mapping[str, object]) -> None:
    write_whole(path, json.dumps(value, ensure_ascii=True, allow_nan=False) + "\n")


def read_json(path: Path) -> Json | None:
    """The object of a file; None where it is absent or no JSON object."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return cast("Json", value) if isinstance(value, dict) else None


def sync_folder(folder: Path) -> None:
    """Flushes a folder's list of names. Some network file systems cannot, and need not."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sync_tree(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            sync_folder(path)
    sync_folder(folder)


def remove_tree(folder: Path) -> None:
    """Removes a folder that is read by its marks: it first loses its name, so that half of it is never taken for a whole."""
    gone = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}.gone")
    try:
        folder.rename(gone)
    except FileNotFoundError:
        return
    shutil.rmtree(gone, ignore_errors=True)


def require_inside(folder: Path, name: str) -> Path:
    """The path of a name in a folder; refuses names that lead out of it."""
    path = Path(name)
    if not name or path.is_absolute() or ".." in path.parts or "\0" in name or "\\" in name:
        raise ValueError(f"{name!r} leads out of its folder")
    return folder / path


def pack_files(path: Path, files: Mapping[str, Path]) -> None:
    """Packs files into a zip archive, stored as they are; the same files give the same bytes."""
    part = path.with_name(f"{path.name}.part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.file_size = files[name].stat().st_size
            with files[name].open("rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target, _CHUNK)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)


# --- Progress: an empty file, whose name says how far a cell or lane is, so that one listing tells of all.


def show_progress(folder: Path, name: str, state: str) -> None:
    """Renames NAME@.. to NAME@STATE, or makes it."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = folder / f"{name}@{state}"
    for older in folder.glob(f"{name}@*"):
        if older == wanted:
            continue
        with contextlib.suppress(FileNotFoundError):
            if wanted.exists():
                older.unlink()
            else:
                older.rename(wanted)
    if not wanted.exists():
        wanted.touch()


def step_state(step: int, loss: float) -> str:
    """The state of a cell after a step, such as 0120@1.2345."""
    return f"{step:04d}@{loss:.4f}"


# --- Owners: of two attempts at one piece of work, only the later one may write.


class OwnerChanged(Exception):
    """Another attempt has taken the work over: this one must not write any more."""


class Owner:
    """The attempt that owner.json names. Claiming counts attempts without progress since the job was submitted."""

    def __init__(self, path: Path, attempt: str) -> None:
        self.path = path
        self.attempt = attempt

    @staticmethod
    def claim(path: Path, job: str, node: str, progress: int, gpus: float, clock: Callable[[], float] = time.time) -> tuple[Owner, int]:
        """Takes the work over; returns the owner, and how many attempts of this job before it made no progress."""
        earlier = read_json(path) or {}
        idle = 0
        spent = float(earlier.get("gpu_seconds", 0.0))
        if earlier:
            # The owner's file is touched while its attempt lives.
            lived = max(0.0, path.stat().st_mtime - float(earlier.get("placed", 0.0)))
            spent += lived * float(earlier.get("gpus", 0.0))
        if earlier.get("job") == job and int(earlier.get("progress", -1)) >= progress:
            idle = int(earlier.get("idle", 0)) + 1
        attempt = secrets.token_hex(8)
        write_json(
            path,
            {
                "v": FORMAT,
                "attempt": attempt,
                "job": job,
                "node": node,
                "pid": os.getpid(),
                "placed": clock(),
                "gpus": gpus,
                "progress": progress,
                "idle": idle,
                "gpu_seconds": spent,
            },
        )
        return Owner(path, attempt), idle

    def holds(self) -> bool:
        found = read_json(self.path)
        return found is not None and found.get("attempt") == self.attempt

    def require(self) -> None:
        if not self.holds():
            raise OwnerChanged(f"{self.path} names another attempt")

    def touch(self) -> None:
        with contextlib.suppress(OSError):
            os.utime(self.path)

    def gpu_seconds(self, clock: Callable[[], float] = time.time) -> float:
        """Of all attempts so far."""
        found = read_json(self.path) or {}
        now = max(0.0, clock() - float(found.get("placed", clock())))
        return float(found.get("gpu_seconds", 0.0)) + now * float(found.get("gpus", 0.0))


# --- Answers: files of 1000 lines, appended to by one owner.

ANSWERS_A_FILE = 1000


def answer_key(answer: Mapping[str, object]) -> str:
    return f"{answer['q']}:{answer['seed']}"


class AnswerFiles:
    """answers-00000.jsonl and so on: reads what is there, mends a half-written end, and appends what is new, each key once."""

    def __init__(self, folder: Path, stem: str = "answers") -> None:
        self.folder = folder
        self.stem = stem
        self.keys: set[str] = set()
        self._segment = 0
        self._lines = 0
        for path in self.segments():
            for answer in mend_lines(path):
                self.keys.add(answer_key(answer))
            self._segment = int(path.stem.rsplit("-", 1)[1])
            self._lines = path.read_bytes().count(b"\n")

    def segments(self) -> Iterator[Path]:
        yield from sorted(self.folder.glob(f"{self.stem}-[0-9][0-9][0-9][0-9][0-9].jsonl"))

    def append(self, answers: Iterable[Mapping[str, object]]) -> int:
        """Appends answers whose keys are new; returns how many."""
        added = 0
        pending: list[str] = []
        for answer in answers:
            key = answer_key(answer)
            if key in self.keys:
                continue
            if self._lines >= ANSWERS_A_FILE:
                self._flush(pending)
                pending = []
                self._segment += 1
                self._lines = 0
            self.keys.add(key)
            pending.append(write_line(answer))
            self._lines += 1
            added += 1
        self._flush(pending)
        return added

    def _flush(self, lines: list[str]) -> None:
        if not lines:
            return
        with (self.folder / f"{self.stem}-{self._segment:05d}.jsonl").open("ab") as file:
            file.write("".join(lines).encode())
