"""driftline's hands at Tinker: one JSON object a line in, one out. It knows no recipe and no order of rows; driftline does.

Runs on the user's own machine, beside driftline, with the official SDK (`pip install tinker`). The key comes from TINKER_API_KEY of its
environment and is in nothing that it writes. Whoever meets an error must not go on with the session: the request behind one that failed
may be done all the same.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import queue
import re
import shutil
import signal
import sys
import tarfile
import tempfile
import threading
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlsplit

Json = dict[str, Any]

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
SECONDS_OF_FAREWELL = 20.0
SECONDS_OF_SILENCE = 60.0


class OldSdkError(Exception):
    """The SDK lacks what is used of it."""


class Session:
    """One session at the service with at most one model in training."""

    def __init__(self, tinker: Any) -> None:
        self.tinker = tinker
        self.service: Any = None
        self.training: Any = None

    def hello(self, _: Json) -> Json:
        for name in ("RestClient", "ServiceClient", "auth"):
            if not hasattr(self.tinker, name):
                raise OldSdkError(f"tinker {self.tinker.__version__} has no {name}")
        return {"sdk": str(self.tinker.__version__), "python": sys.version.split()[0]}

    def check(self, _: Json) -> Json:
        """What the server has. The SDK does not repeat the first call: that a bill is open is told at once, and not waited for an hour."""
        self.tinker.auth.raise_if_tinker_not_accessible()
        found = self.tinker.RestClient().get_server_capabilities().result()
        models = [
            {"name": model.model_name, "trainable": getattr(model, "trainable", None), "context": model.max_context_length}
            for model in found.supported_models
        ]
        return {"models": models, "adapters": find_way_back()}

    def start(self, message: Json) -> Json:
        """A new model, or one that goes on from a state with its optimizer."""
        metadata: dict[str, str] = message["metadata"]
        project = message.get("project")
        self.service = self.tinker.ServiceClient(user_metadata=metadata, **({} if project is None else {"project_id": project}))
        state = message.get("state")
        if state is None:
            created = self.service.create_lora_training_client(base_model=message["base"], user_metadata=metadata, **message["lora"])
            self.training = created.result()
        else:
            self.training = self._resume(message, state, metadata)
        return {"run": str(self.training.model_id)}

    def _resume(self, message: Json, state: str, metadata: dict[str, str]) -> Any:
        try:
            return self.service.create_training_client_from_state_with_optimizer(state, user_metadata=metadata).result()
        except self.tinker.UnprocessableEntityError:
            # Servers that have the protocol of earlier SDKs: they create a model, and load into it what was saved.
            training = self.service.create_lora_training_client(base_model=message["base"], **message["lora"]).result()
            training._load_state_impl(state, optimizer=True, weights_access_token=None).result()
            return training

    def step(self, message: Json) -> Json:
        """Both requests are under way before either is waited for: the service does them in one cycle."""
        rows: list[Json] = message["rows"]
        forward = self.training.forward_backward([self._datum(row) for row in rows], "cross_entropy")
        update = self.training.optim_step(self.tinker.types.AdamParams(**message["adam"]))
        outputs = forward.result().loss_fn_outputs
        metrics: dict[str, float] = update.result().metrics or {}
        loss = -sum(
            log * weight
            for output, row in zip(outputs, rows, strict=True)
            for log, weight in zip(output["logprobs"].data, row["weights"], strict=True)
            if weight != 0
        )
        # Servers call it as they like: skyrl.ai/grad_norm.
        norms = [float(value) for name, value in metrics.items() if name.split("/")[-1] == "grad_norm" and math.isfinite(value)]
        return {"loss": float(loss) if math.isfinite(loss) else None, "grad_norm": norms[0] if norms else None}

    def _datum(self, row: Json) -> Any:
        types = self.tinker.types
        size = [len(row["target"])]
        return types.Datum(
            model_input=types.ModelInput.from_ints(row["input"]),
            loss_fn_inputs={
                "target_tokens": types.TensorData(data=row["target"], dtype="int64", shape=size),
                "weights": types.TensorData(data=row["weights"], dtype="float32", shape=size),
            },
        )

    def save(self, message: Json) -> Json:
        """A state to go on from, weights that the service answers with, or weights that can be fetched."""
        calls: dict[str, Callable[..., Any]] = {
            "state": self.training.save_state,
            "sampler": self.training.save_weights_for_sampler,
            "external": self.training.save_weights_external,
        }
        return {"path": calls[message["kind"]](message["name"], ttl_seconds=message.get("ttl")).result().path}

    def fetch(self, message: Json) -> Json:
        """Adapter files of saved weights into a folder."""
        folder = Path(message["to"])
        folder.mkdir(parents=True, exist_ok=True)
        path: str = message["path"]
        if message["way"] == "archive":
            fetch_archive(path, folder)
        else:
            urls: dict[str, str] = self.tinker.RestClient().get_external_weights_urls(path).result().urls
            for name in ADAPTER_FILES:
                if name not in urls:
                    raise ValueError(f"{path} has {', '.join(sorted(urls)) or 'no files'}, and no {name}")
                with open_url(urls[name]) as source, (folder / name).open("wb") as target:
                    shutil.copyfileobj(source, target)
        return {"files": list(ADAPTER_FILES)}

    def close(self, message: Json) -> Json:
        """Frees the place of the model there. Servers that know no end of a session forget it by themselves."""
        service, self.service, self.training = self.service, None, None
        if service is not None:
            with contextlib.suppress(Exception):
                service.close(message["status"]).result(timeout=SECONDS_OF_FAREWELL)
        return {}


def server_address() -> str:
    return os.environ["TINKER_BASE_URL"].rstrip("/")


class OwnHostOnly(urllib.request.HTTPRedirectHandler):
    """A key goes to the server that it is for, and not along to where the server sends one on."""

    def redirect_request(self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str) -> Any:
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None and urlsplit(newurl).netloc != urlsplit(req.full_url).netloc:
            request.remove_header("X-api-key")
        return request


def open_url(url: str, headers: dict[str, str] | None = None) -> Any:
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError("the server names an address that is neither http nor https")
    request = urllib.request.Request(url, headers=headers or {})
    return urllib.request.build_opener(OwnHostOnly).open(request, timeout=SECONDS_OF_SILENCE)


def find_way_back() -> str:
    """How adapters are fetched, found out without touching a model: the service exports them, and other servers may pack them."""
    with contextlib.suppress(Exception), open_url(f"{server_address()}/openapi.json") as answer:
        routes: Iterable[str] = json.load(answer)["paths"]
        if any(route.endswith("/archive") for route in routes) and not any("external" in route for route in routes):
            return "archive"
    return "external"


def fetch_archive(path: str, folder: Path) -> None:
    parts = path.removeprefix("tinker://").split("/")
    url = f"{server_address()}/api/v1/training_runs/{quote(parts[0], safe='')}/checkpoints/{quote(parts[-1], safe='')}/archive"
    with tempfile.TemporaryFile(dir=folder) as packed:
        with open_url(url, {"X-API-Key": os.environ["TINKER_API_KEY"]}) as source:
            shutil.copyfileobj(source, packed)
        packed.seek(0)
        with tarfile.open(fileobj=packed, mode="r:*") as archive:
            members = {Path(member.name).name: member for member in archive.getmembers() if member.isfile()}
            for name in ADAPTER_FILES:
                source_file = archive.extractfile(members[name]) if name in members else None
                if source_file is None:
                    raise ValueError(f"the archive of {path} has no {name}")
                with source_file, (folder / name).open("wb") as target:
                    shutil.copyfileobj(source_file, target)


KINDS = (
    ("AuthenticationError", "key"),
    ("PermissionDeniedError", "key"),
    ("BillingError", "billing"),
    ("RateLimitError", "limit"),
    ("NotFoundError", "missing"),
    ("UnprocessableEntityError", "refused"),
    ("BadRequestError", "refused"),
    ("ConflictError", "refused"),
    ("APIConnectionError", "lost"),
    ("InternalServerError", "lost"),
)
EXPIRED = re.compile(
    r"\b(session|model|promise|future)\b.*\b(expired|not loaded|not found|finished|closed|unknown)\b", re.IGNORECASE | re.DOTALL
)


def classify(tinker: Any, error: BaseException) -> str:
    if isinstance(error, ImportError | OldSdkError):
        return "sdk"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "disk"
    if isinstance(error, getattr(tinker, "TinkerError", ())) and "api_key" in str(error):
        return "key"
    named = [kind for name, kind in KINDS if isinstance(error, getattr(tinker, name, ()))]
    kind = named[0] if named else "other"
    if getattr(error, "status_code", None) == 410 or (kind in ("missing", "refused", "other") and EXPIRED.search(str(error))):
        return "expired"
    if isinstance(error, getattr(tinker, "RequestFailedError", ())):
        return "refused" if "user" in str(getattr(error, "category", "")).lower() else "lost"
    if kind == "other" and isinstance(error, TimeoutError | ConnectionError | urllib.error.URLError):
        return "lost"
    return kind


def describe(tinker: Any, error: BaseException) -> Json:
    return {"kind": classify(tinker, error), "type": type(error).__name__, "message": str(error)[:2000]}


def read_lines() -> queue.Queue[str | None]:
    """Lines of stdin. When it ends nobody is there any more, and what is under way is not waited for long."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        lines.put(None)
        threading.Event().wait(SECONDS_OF_FAREWELL)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return lines


def main() -> None:
    # A terminal sends it to both: driftline decides when this ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    out = os.fdopen(os.dup(1), "w", buffering=1)
    # Whatever the SDK prints must not come between the lines.
    os.dup2(2, 1)
    session: Session | None = None
    tinker: Any = None
    lines = read_lines()
    while (line := lines.get()) is not None:
        message: Json = json.loads(line)
        try:
            if session is None:
                import tinker as sdk

                tinker = sdk
                session = Session(sdk)
            operations: dict[str, Callable[[Json], Json]] = {
                name: getattr(session, name) for name in ("hello", "check", "start", "step", "save", "fetch", "close")
            }
            reply: Json = {"ok": operations[message["op"]](message)}
        except Exception as error:
            reply = {"error": describe(tinker, error)}
        out.write(json.dumps({"call": message["call"], **reply}) + "\n")
    os._exit(0)


if __name__ == "__main__":
    main()
