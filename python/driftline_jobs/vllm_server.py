"""A vLLM of one's own: on loopback, at a free port, behind a key drawn for it, dead when its asker is."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

from .faults import Fault, Kind, child_environment
from .files import Json

_TIMEOUT = 1800.0
_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
_OURS = ("--host", "--port", "--api-key", "--uds", "--model", "--served-model-name", "--root-path", "--config")
_START_FAULTS: tuple[tuple[str, Kind], ...] = (
    ("out of memory", "memory"),
    ("no available memory for the cache blocks", "memory"),
    ("free memory on device", "memory"),
    ("larger than the available kv cache memory", "memory"),
    ("can't allocate memory", "memory"),
    ("no space left on device", "disk"),
    ("modulenotfounderror", "software"),
    ("no module named", "software"),
    ("unrecognized arguments", "software"),
    ("failed to infer device type", "software"),
    ("are not supported for now", "model"),
    ("does not appear to have a file named", "model"),
    ("is not a valid model identifier", "model"),
    ("does not recognize this architecture", "model"),
)


class ServerDied(Exception):
    """vLLM ended while it was asked: worth another attempt."""


class RequestRefused(Exception):
    """vLLM does not take the request."""


def largest_rank(rank: int) -> int:
    """The least rank that vLLM can be opened for and that has room for this one."""
    for allowed in _RANKS:
        if rank <= allowed:
            return allowed
    raise Fault("recipe", f"vLLM takes adapters up to rank {_RANKS[-1]}, not {rank}")


_ACCELERATORS = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd", "/dev/dxg", "/dev/accel0")
"""Device files of GPUs and their like, by any of which vLLM does not run on processors."""


def has_accelerator(devices: Sequence[str] = _ACCELERATORS) -> bool:
    """Whether this node has more than processors, told without loading torch."""
    return any(Path(device).exists() for device in devices)


def server_arguments(lane: Json, model: Path, port: int, rank: int | None, gpus: float, accelerated: bool = True) -> list[str]:
    """Arguments of vLLM's server. `rank` is None where no adapters are asked, `accelerated` False where vLLM runs on processors."""
    added = [str(argument) for argument in lane.get("vllm_arguments", [])]
    for argument in added:
        if argument.split("=")[0] in _OURS:
            raise Fault("recipe", f"{argument} is not for vllm_arguments: driftline decides where vLLM listens and what it serves")
    chosen = ["--model", str(model), "--served-model-name", "base", "--host", "127.0.0.1", "--port", str(port)]
    chosen += ["--dtype", str(lane["dtype"]), "--generation-config", "vllm", "--uvicorn-log-level", "warning"]
    if rank is not None:
        chosen += ["--enable-lora", "--max-lora-rank", str(rank), "--max-loras", str(int(lane.get("max_loras", 4)))]
        chosen += ["--max-cpu-loras", str(max(MOST_LOADED, int(lane.get("max_loras", 4))))]
    if lane.get("quantization") == "nf4":
        chosen += ["--quantization", "bitsandbytes"]
    elif lane.get("quantization") is not None:
        raise Fault("recipe", f"There is no quantization {lane['quantization']}")
    if lane.get("max_length") is not None:
        chosen += ["--max-model-len", str(int(lane["max_length"]))]
    parallel = int(lane.get("tensor_parallel", max(1, int(gpus))))
    if parallel > 1:
        chosen += ["--tensor-parallel-size", str(parallel)]
    if not accelerated and not any("chunked-prefill" in argument for argument in added):
        # After a part of a prompt vLLM 0.32 sets the generator of a seeded request back, which those of processors cannot: it dies.
        chosen.append("--no-enable-chunked-prefill")
    return chosen + added


MOST_LOADED = 16
"""Adapters that vLLM holds at a time."""


class VllmServer:
    """A server that is started, asked from any thread, and ended. Start it from the main thread: it dies with that."""

    def __init__(self, python: str, arguments: Callable[[int], Sequence[str]], log: Path, environment: Mapping[str, str]) -> None:
        self.port = _free_port()
        self.log = log
        self._key = secrets.token_urlsafe(32)
        self._local = threading.local()
        self._log_start = log.stat().st_size if log.exists() else 0
        command = [python, "-P", "-m", "vllm.entrypoints.openai.api_server", *arguments(self.port)]
        own = child_environment(environment)
        own.pop("PYTHONPATH", None)
        own |= {
            "VLLM_API_KEY": self._key,
            "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
            "VLLM_NO_USAGE_STATS": "1",
            "DO_NOT_TRACK": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONSAFEPATH": "1",
        }
        # By way of a guard, in a session of its own: it must see this process die, and not die with it.
        mortal = [sys.executable, "-P", str(Path(__file__).with_name("mortal.py")), *command]
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                mortal, env=own, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
            )

    def wait_until_up(self, alive: Callable[[], None]) -> None:
        """Returns when vLLM answers. While its log grows it counts as alive."""
        size = -1
        while True:
            self.require_running()
            now = self.log.stat().st_size
            if now != size:
                size = now
                alive()
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, _ = self._ask("GET", "/health", None, timeout=10)
                if status == 200:
                    return
            time.sleep(0.5)

    def require_running(self) -> None:
        code = self._process.poll()
        if code is not None:
            raise ServerDied(f"vLLM ended with {code}: {self.tail()[-300:]}")

    def explain_start(self) -> Fault:
        """Why it did not come up, by its log."""
        tail = self.tail()
        low = tail.lower()
        kind: Kind = next((kind for sign, kind in _START_FAULTS if sign in low), "other")
        lines = [line for line in tail.splitlines() if "Error" in line]
        message = lines[-1].strip()[-400:] if lines else "vLLM ended before it answered"
        return Fault(kind, f"vLLM does not start: {message}", {"log": tail[-3000:]})

    def tail(self) -> str:
        with self.log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._log_start, size - 8000))
            return file.read().decode(errors="replace")

    def get(self, path: str) -> Json:
        return self._answer("GET", path, None)

    def post(self, path: str, body: Json) -> Json:
        return self._answer("POST", path, body)

    def _answer(self, method: str, path: str, body: Json | None) -> Json:
        for attempt in range(4):
            try:
                status, text = self._ask(method, path, body)
            except (OSError, http.client.HTTPException) as error:
                self._forget()
                time.sleep(min(0.5 * 2**attempt, 2))
                self.require_running()
                if attempt == 3:
                    raise ServerDied(f"vLLM does not answer: {error}") from error
                continue
            if status == 200:
                return cast(Json, json.loads(text)) if text[:1] == "{" else {"text": text}
            if 400 <= status < 500:
                raise RequestRefused(f"{status}: {text[:1000]}")
            time.sleep(min(0.5 * 2**attempt, 2))
        self.require_running()
        raise ServerDied(f"vLLM answers {status}: {text[:300]}")

    def _ask(self, method: str, path: str, body: Json | None, timeout: float = _TIMEOUT) -> tuple[int, str]:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
            self._local.connection = connection
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except BaseException:
            self._forget()
            raise

    def _forget(self) -> None:
        connection = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            connection.close()

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
