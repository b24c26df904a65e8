"""Answers a lane: every request in its folder, by a vLLM of its own, each key once, and then what comes within `linger` seconds."""

from __future__ import annotations

import json
import os
import queue
import shutil
import sys
import threading
import time
from collections import deque
from collections.abc import Container, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .faults import EXIT_FAULT, EXIT_REPLACED, Fault
from .files import FORMAT, AnswerFiles, Json, OwnerChanged, read_closed_lines, read_json, write_json
from .model_folder import find_model
from .mortal import die_with_parent
from .order import Order, OrderError, find_adapter, parse_order
from .vllm_server import MOST_LOADED, RequestRefused, ServerDied, VllmServer, has_accelerator, largest_rank, server_arguments

EXIT_SERVER_DIED = 5

MOST_AT_ONCE = 16
"""Answers of one request to vLLM: they share the work on the prompt, and are lost together."""

_LOOK_EVERY = 2.0
_OWNER_EVERY = 64


@dataclass(frozen=True)
class Unit:
    """One request to vLLM: seeds that follow one another; or one answer for several seeds, where chance has no part."""

    group: Json
    seeds: tuple[int, ...]

    @property
    def adapter(self) -> str | None:
        adapter = self.group["adapter"]
        return None if adapter is None else str(adapter)

    @property
    def keys(self) -> list[str]:
        return [f"{self.group['q']}:{seed}" for seed in self.seeds]

    @property
    def weight(self) -> int:
        return 1 if self.group["temperature"] == 0 else len(self.seeds)


def split_seeds(group: Json, known: Container[str], most: int = MOST_AT_ONCE, flying: Container[str] = ()) -> Iterator[Unit]:
    """What is missing of a group and not under way, in runs of seeds that follow one another."""
    q = str(group["q"])
    wanted = {seed for first, count in group["seeds"] for seed in range(int(first), int(first) + int(count))}
    missing = sorted(seed for seed in wanted if f"{q}:{seed}" not in known and f"{q}:{seed}" not in flying)
    if group["temperature"] == 0:
        if missing:
            yield Unit(group, tuple(missing))
        return
    run: list[int] = []
    for seed in missing:
        if run and (seed != run[-1] + 1 or len(run) >= most):
            yield Unit(group, tuple(run))
            run = []
        run.append(seed)
    if run:
        yield Unit(group, tuple(run))


class Requests:
    """The waves in a lane's folder. A file is read once it is whole; a withdrawn wave is not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waves: dict[str, list[Json]] = {}

    def look(self) -> bool:
        """Reads what is new; says whether anything changed."""
        withdrawn = {path.name for path in (self._folder / "withdraw").glob("*")}
        changed = False
        for path in sorted((self._folder / "requests").glob("*.jsonl.gz")):
            wave = path.name.removesuffix(".jsonl.gz")
            if wave in withdrawn:
                changed = self._waves.pop(wave, None) is not None or changed
            elif wave not in self._waves:
                groups = read_closed_lines(path)
                if groups is not None:
                    self._waves[wave] = groups
                    changed = True
        return changed

    def groups(self) -> Iterator[Json]:
        for groups in self._waves.values():
            yield from groups


def request_body(unit: Unit, model: str, room: int) -> Json:
    """What vLLM is asked."""
    group = unit.group
    body: Json = {
        "model": model,
        "prompt": group["prompt"],
        "max_tokens": min(int(group["max_tokens"]), room),
        "temperature": group["temperature"],
        "top_p": group["top_p"],
        "top_k": -1,
        "n": unit.weight,
        "seed": unit.seeds[0],
        # Only the ids that the request names end an answer.
        "ignore_eos": True,
        "stop_token_ids": group["stop"],
        "add_special_tokens": False,
        "skip_special_tokens": True,
        "return_token_ids": True,
    }
    if group.get("top", 0) > 0:
        body |= {"logprobs": int(group["top"]), "return_tokens_as_token_ids": True}
    return body


def read_choices(unit: Unit, result: Json) -> list[Json]:
    """The answers in what vLLM says."""
    choices = sorted(result["choices"], key=lambda choice: int(choice["index"]))
    if len(choices) != unit.weight:
        raise ServerDied(f"vLLM gave {len(choices)} answers for {unit.weight}")
    alone = unit.group["temperature"] == 0
    return [_read_choice(unit.group, seed, choices[0 if alone else place]) for place, seed in enumerate(unit.seeds)]


def _read_choice(group: Json, seed: int, choice: Json) -> Json:
    ids = choice["token_ids"]
    if choice["finish_reason"] not in ("stop", "length"):
        raise ServerDied(f"vLLM ended an answer by {choice['finish_reason']}")
    stopped = choice["finish_reason"] == "stop"
    tokens = len(ids) - (1 if stopped and ids and ids[-1] in group["stop"] else 0)
    answer: Json = {
        "q": group["q"],
        "seed": seed,
        "text": choice["text"],
        "finish": "stop" if stopped else "length",
        "tokens": tokens,
    }
    wanted = int(group.get("top", 0))
    if wanted > 0:
        first = (choice.get("logprobs") or {}).get("top_logprobs") or [{}]
        likeliest = [(int(name.removeprefix("token_id:")), float(value)) for name, value in first[0].items()]
        answer["top"] = [[token, value] for token, value in sorted(likeliest, key=lambda pair: (-pair[1], pair[0]))[:wanted]]
    return answer


def refuse(unit: Unit, error: str) -> list[Json]:
    """Answers that say that there is none."""
    return [{"q": unit.group["q"], "seed": seed, "text": "", "finish": "refused", "tokens": 0, "error": error[:500]} for seed in unit.seeds]


class Lane:
    """One lane while it is worked on."""

    def __init__(self, order: Order) -> None:
        self.order = order
        lane = read_json(order.folder / "lane.json")
        if lane is None or lane.get("v") != FORMAT:
            raise Fault("other", f"{order.folder}/lane.json is absent or of another version")
        self.lane = lane
        self.model = find_model(order.storage, lane["model"])
        self.store = AnswerFiles(order.folder)
        self.requests = Requests(order.folder)
        self.linger = float(lane.get("linger", 120))
        self.concurrency = max(1, int(lane.get("concurrency", 256)))
        self.server: VllmServer | None = None
        self.rank = 0
        self.context = 0
        self.grouped = True
        self.serving: float | None = None
        self.waiting: list[str] = []
        self.loaded: dict[str, str] = {}
        self.under_way: dict[str, int] = {}
        self.versions: dict[str, object] = {"python": sys.version.split()[0]}
        self._shown = -1
        self._since_owner = 0

    # What is to be done.

    def missing(self, flying: Container[str] = ()) -> list[Unit]:
        """All that can be asked now, adapter by adapter; notes the adapters that are not there yet."""
        ready: dict[str | None, bool] = {None: True}
        units: list[Unit] = []
        most = MOST_AT_ONCE if self.grouped else 1
        for group in self.requests.groups():
            parts = list(split_seeds(group, self.store.keys, most, flying))
            if not parts:
                continue
            adapter = parts[0].adapter
            if adapter not in ready:
                ready[adapter] = find_adapter(self.order.storage, str(adapter)) is not None
            if ready[adapter]:
                units.extend(parts)
        waiting = sorted(str(adapter) for adapter, there in ready.items() if not there)
        if waiting != self.waiting:
            self.waiting = waiting
            self.write_state()
        return sorted(units, key=lambda unit: unit.adapter or "")

    # The server.

    def serve(self, adapters: Iterable[str]) -> None:
        """Sees to it that vLLM is up, with room for the ranks of these adapters."""
        rank = max([int(self.lane.get("max_rank", 64)), *map(self.rank_of, adapters)])
        if self.server is not None and rank <= self.rank:
            return
        self.stop()
        self.rank = rank
        python = shutil.which(self.order.vllm_python or "python")
        if python is None:
            raise Fault("software", f"There is no {self.order.vllm_python} on this node")
        room = largest_rank(rank) if self.lane.get("adapters", True) else None
        server = VllmServer(
            python,
            lambda port: server_arguments(self.lane, self.model, port, room, self.order.gpus, has_accelerator()),
            self.order.folder / "vllm.log",
            os.environ,
        )
        self.server = server
        try:
            server.wait_until_up(self.order.alive)
        except ServerDied as error:
            raise server.explain_start() from error
        (about,) = [model for model in server.get("/v1/models")["data"] if model["id"] == "base"]
        self.context = int(about["max_model_len"])
        self.versions["vllm"] = server.get("/version").get("version")
        self.grouped = self._counts_seeds(server)
        self.serving = time.time()
        self.write_state()

    def rank_of(self, adapter: str) -> int:
        folder = find_adapter(self.order.storage, adapter)
        config = read_json(folder / "adapter_config.json") if folder is not None else None
        if config is None:
            raise Fault("model", f"The adapter {adapter} cannot be read")
        return int(config.get("r", 1))

    def _counts_seeds(self, server: VllmServer) -> bool:
        """Whether the answers of one request have the seeds that follow one another, as those of single requests have."""
        base: Json = {
            "model": "base",
            "prompt": [1, 2, 3],
            "max_tokens": 6,
            "temperature": 1.5,
            "ignore_eos": True,
            "return_token_ids": True,
        }
        for seed in (11, 23, 37):
            together = server.post("/v1/completions", {**base, "n": 3, "seed": seed})["choices"]
            alone = server.post("/v1/completions", {**base, "n": 1, "seed": seed + 2})["choices"]
            if sorted(together, key=lambda choice: int(choice["index"]))[2]["token_ids"] == alone[0]["token_ids"]:
                return True  # By chance about never; but on a GPU even an equal seed may come to other ids now and then.
        return False

    def load(self, adapter: str | None) -> str:
        """The name by which vLLM has the adapter; those that nobody waits for make room."""
        if adapter is None:
            return "base"
        if adapter in self.loaded:
            self.loaded[adapter] = self.loaded.pop(adapter)
            return self.loaded[adapter]
        assert self.server is not None
        folder = find_adapter(self.order.storage, adapter)
        if folder is None:
            raise Fault("model", f"The adapter {adapter} is gone")
        for older in [name for name in self.loaded if not self.under_way.get(name)][: max(0, len(self.loaded) - MOST_LOADED + 1)]:
            self.server.post("/v1/unload_lora_adapter", {"lora_name": self.loaded.pop(older)})
        name = f"a-{adapter}"
        try:
            self.server.post("/v1/load_lora_adapter", {"lora_name": name, "lora_path": str(folder)})
        except RequestRefused as error:
            if "already been loaded" not in str(error):
                raise Fault("model", f"vLLM does not take the adapter {adapter}: {error}") from error
        self.loaded[adapter] = name
        self.write_state()
        return name

    def stop(self) -> None:
        if self.server is not None:
            self.server.close()
        self.server = None
        self.serving = None
        self.loaded = {}

    # What is written.

    def write(self, answers: Sequence[Json]) -> None:
        self._since_owner += len(answers)
        if self._since_owner >= _OWNER_EVERY or not answers:
            self._since_owner = 0
            self.require_owner()
        self.store.append(answers)
        self.order.alive()

    def require_owner(self) -> None:
        if self.order.attempt:
            self.order.owner.require()

    def show(self) -> None:
        if len(self.store.keys) != self._shown:
            self._shown = len(self.store.keys)
            self.order.show(str(self._shown))

    def write_state(self) -> None:
        self.require_owner()
        owned = read_json(self.order.folder / "owner.json") or {}
        state: Json = {
            "v": FORMAT,
            "pid": os.getpid(),
            "node": owned.get("node"),
            "serving": self.serving,
            "adapters": sorted(self.loaded),
            "versions": self.versions,
            "grouped": self.grouped,
            "waiting": self.waiting,
        }
        write_json(self.order.folder / "state.json", state)


def work(lane: Lane) -> None:
    """Asks until nothing is left and nothing has come for a while."""
    lane.show()
    idle_since = time.monotonic()
    while True:
        lane.requests.look()
        units = lane.missing()
        if units:
            lane.serve({unit.adapter for unit in units if unit.adapter is not None})
            # Only a server that is up says whether answers can be asked together.
            _ask_all(lane, lane.missing())
            idle_since = time.monotonic()
            continue
        lane.show()
        if time.monotonic() - idle_since >= lane.linger or (lane.server is None and not lane.waiting):
            return
        lane.require_owner()
        lane.order.alive()
        time.sleep(min(1.0, lane.linger / 4))


def _ask_all(lane: Lane, units: list[Unit]) -> None:
    """Asks these, and what comes meanwhile for the adapters that vLLM has room for."""
    pending = deque(units)
    results: queue.SimpleQueue[tuple[Unit, list[Json] | Exception]] = queue.SimpleQueue()
    flying: set[str] = set()
    busy = 0
    looked = shown = time.monotonic()
    stopping = threading.Event()
    assert lane.server is not None
    server = lane.server

    def ask(unit: Unit, name: str) -> None:
        try:
            if stopping.is_set():
                return
            room = lane.context - len(unit.group["prompt"])
            if room < 1:
                results.put((unit, refuse(unit, f"The prompt of {len(unit.group['prompt'])} tokens fills the context of {lane.context}")))
                return
            try:
                results.put((unit, read_choices(unit, server.post("/v1/completions", request_body(unit, name, room)))))
            except RequestRefused as error:
                results.put((unit, refuse(unit, str(error))))
        except Exception as error:
            results.put((unit, error))

    with ThreadPoolExecutor(max_workers=min(lane.concurrency, 256)) as pool:
        try:
            while pending or busy:
                while pending and (busy == 0 or busy + pending[0].weight <= lane.concurrency):
                    unit = pending.popleft()
                    name = lane.load(unit.adapter)
                    busy += unit.weight
                    flying.update(unit.keys)
                    if unit.adapter is not None:
                        lane.under_way[unit.adapter] = lane.under_way.get(unit.adapter, 0) + 1
                    pool.submit(ask, unit, name)
                finished = _take(results)
                for unit, outcome in finished:
                    busy -= unit.weight
                    flying.difference_update(unit.keys)
                    if unit.adapter is not None:
                        lane.under_way[unit.adapter] -= 1
                    if isinstance(outcome, Exception):
                        raise outcome
                    lane.write(outcome)
                now = time.monotonic()
                if now - shown >= 1:
                    shown = now
                    lane.show()
                if now - looked >= _LOOK_EVERY:
                    looked = now
                    lane.write([])
                    arrived = any(find_adapter(lane.order.storage, adapter) is not None for adapter in lane.waiting)
                    if lane.requests.look() or arrived:
                        # Withdrawn waves are gone from it; what needs more room than this vLLM has waits for the next one.
                        found = lane.missing(flying)
                        pending = deque(unit for unit in found if unit.adapter is None or lane.rank_of(unit.adapter) <= lane.rank)
        finally:
            stopping.set()
    lane.show()


def _take(results: queue.SimpleQueue[tuple[Unit, list[Json] | Exception]]) -> list[tuple[Unit, list[Json] | Exception]]:
    """What has come, after a moment at most."""
    taken = []
    try:
        taken.append(results.get(timeout=0.2))
        while True:
            taken.append(results.get_nowait())
    except queue.Empty:
        return taken


def main(arguments: Sequence[str]) -> int:
    die_with_parent()
    order = parse_order(json.loads(arguments[0]))
    lane: Lane | None = None
    try:
        lane = Lane(order)
        work(lane)
        lane.stop()
        lane.write_state()
    except OwnerChanged as error:
        print(f"driftline: {error}", file=sys.stderr)
        return EXIT_REPLACED
    except ServerDied as error:
        print(f"driftline: {error}", file=sys.stderr)
        return EXIT_SERVER_DIED
    except (Exception, OrderError) as error:
        order.fail(error)
        return EXIT_FAULT
    finally:
        if lane is not None:
            lane.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
