"""Looks inside a model with transformers: residual streams, keys and values, answers with interventions, log-probabilities.

Layer 0 of the residual stream is the embedding, layer n the output of block n before the final norm, as in driftline's engine.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .faults import Fault
from .files import FORMAT, Json, hash_file, mend_lines, read_closed_lines, read_json, write_json, write_line
from .model_folder import find_model
from .mortal import die_with_parent
from .order import Order, find_adapter, parse_order, run_work

_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_KINDS = ("residuals", "keys-values", "answer", "score")
_POOLS = ("last", "prompt-mean", "answer-mean", "every")

MOST_ROWS = 16
MOST_TOKENS = 8192
PART_BYTES = 64 << 20
"""Tensors are written down when they reach this, so that a death costs no more."""


def check_requests(requests: Sequence[Json], layers: int, vocabulary: int) -> None:
    """Refuses what makes no sense before anything is computed."""
    seen: set[str] = set()
    for number, request in enumerate(requests):
        name, kind = request.get("id"), request.get("do")
        if not isinstance(name, str) or not _ID.fullmatch(name) or name in seen:
            raise Fault("recipe", f"Request {number} has the id {name!r}, which is none or another's")
        seen.add(name)
        if kind not in _KINDS:
            raise Fault("recipe", f"Request {name}: there is no {kind!r} to do")
        ids = request["prompt"] if kind == "answer" else request["ids"]
        if not ids or not all(isinstance(i, int) and 0 <= i < vocabulary for i in ids):
            raise Fault("recipe", f"Request {name} has no ids, or such as the model does not have")
        if kind in ("residuals", "score") and not 0 <= int(request["prompt"]) <= len(ids):
            raise Fault("recipe", f"Request {name} has a prompt of {request['prompt']} of {len(ids)} tokens")
        if kind == "score" and int(request["prompt"]) < 1:
            raise Fault("recipe", f"Request {name}: the first token has no probability")
        if kind == "residuals":
            if request["pool"] not in _POOLS:
                raise Fault("recipe", f"Request {name}: there is no pool {request['pool']!r}")
            start, end = pool_range(request)
            if start >= end:
                raise Fault("recipe", f"Request {name}: there is no token for {request['pool']}")
        known = range(layers + 1) if kind == "residuals" else range(layers)
        unknown = [layer for layer in request.get("layers", []) if layer not in known]
        changes = request.get("interventions") or {}
        unknown += [layer for what in ("add", "remove") for layer in (changes.get(what) or {}) if int(layer) not in range(layers + 1)]
        if unknown:
            raise Fault("recipe", f"Request {name}: the model has no layer {unknown[0]}")


def pool_range(request: Json) -> tuple[int, int]:
    """The tokens that a pool is made of."""
    tokens, prompt = len(request["ids"]), int(request["prompt"])
    return {"last": (tokens - 1, tokens), "prompt-mean": (0, prompt), "answer-mean": (prompt, tokens), "every": (0, tokens)}[
        request["pool"]
    ]


def batch_rows(requests: Sequence[Json], length: Callable[[Json], int]) -> Iterator[list[Json]]:
    """Requests of similar length together."""
    batch: list[Json] = []
    for request in sorted(requests, key=length):
        if batch and (len(batch) >= MOST_ROWS or (len(batch) + 1) * length(request) > MOST_TOKENS):
            yield batch
            batch = []
        batch.append(request)
    if batch:
        yield batch


class Results:
    """What was found so far: tensors in parts, lines in scores.jsonl; joined when all is there."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.folder = order.folder
        self._parts = self.folder / "parts"
        self._pending: dict[str, Any] = {}
        self._bytes = 0
        self.lines = {str(line["id"]): line for line in mend_lines(self.folder / "scores.jsonl")}

    def tensors(self) -> dict[str, Any]:
        from safetensors.torch import load_file

        found: dict[str, Any] = {}
        for path in sorted(self._parts.glob("*.safetensors")):
            found |= load_file(path)
        return found

    def finished(self) -> set[str]:
        """Ids of the requests that need no more work."""
        from safetensors import safe_open

        names: set[str] = set()
        for path in sorted(self._parts.glob("*.safetensors")):
            with safe_open(path, "pt") as file:
                names |= {name.rsplit(".", 1)[0] for name in file.keys()}  # noqa: SIM118 - it is no mapping
        return names | set(self.lines)

    def add_tensors(self, tensors: dict[str, Any]) -> None:
        for name, tensor in tensors.items():
            self._pending[name] = tensor.detach().float().cpu().contiguous().clone()
            self._bytes += 4 * self._pending[name].numel()
        if self._bytes >= PART_BYTES:
            self.flush()
        self.order.alive()

    def add_line(self, line: Json) -> None:
        self.lines[str(line["id"])] = line
        with (self.folder / "scores.jsonl").open("a") as file:
            file.write(write_line(line))
        self.order.alive()

    def flush(self) -> None:
        if not self._pending:
            return
        from safetensors.torch import save_file

        self.require_owner()
        self._parts.mkdir(exist_ok=True)
        number = len(list(self._parts.glob("*.safetensors")))
        part = self._parts / f"{number:05d}.part"
        save_file(self._pending, part)
        _sync(part)
        part.replace(self._parts / f"{number:05d}.safetensors")
        self._pending, self._bytes = {}, 0

    def require_owner(self) -> None:
        if self.order.attempt:
            self.order.owner.require()

    def finish(self, mark: object, requests: Sequence[Json]) -> None:
        from safetensors.torch import save_file

        self.flush()
        self.require_owner()
        found = self.tensors()
        result = self.folder / "result.safetensors"
        part = self.folder / "result.part"
        save_file(found, part)
        _sync(part)
        part.replace(result)
        scores = self.folder / "scores.jsonl"
        ordered = [self.lines[request["id"]] for request in requests if request["id"] in self.lines]
        part.write_text("".join(write_line(line) for line in ordered))
        _sync(part)
        part.replace(scores)
        owned = read_json(self.folder / "owner.json") or {}
        self.require_owner()
        files = {path.name: {"sha256": hash_file(path), "bytes": path.stat().st_size} for path in (result, scores)}
        done: Json = {"v": FORMAT, "mark": mark, "files": files, "node": owned.get("node"), "ended": time.time()}
        done["gpu_seconds"] = self.order.owner.gpu_seconds() if self.order.attempt else None
        write_json(self.folder / "done.json", done)
        for path in self._parts.glob("*"):
            path.unlink()
        with contextlib.suppress(OSError):
            self._parts.rmdir()


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


class Model:
    """A decoder of transformers with hooks on its residual stream."""

    def __init__(self, folder: Path, adapter: Path | None, dtype: str) -> None:
        try:
            import torch
            import transformers
            from peft import PeftModel
        except ImportError as error:
            raise Fault("software", f"{error.name or error} is missing in {sys.executable}", {"python": sys.executable}) from error
        self.torch = torch
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if self.device.type == "cpu":
            torch.set_num_threads(max(1, int(os.environ.get("OMP_NUM_THREADS", "1"))))
        loaded = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype))
        if adapter is not None:
            loaded = PeftModel.from_pretrained(loaded, adapter).get_base_model()
        self.model = loaded.to(self.device).eval()
        self.decoder = self.model.get_decoder()
        self.blocks = self.decoder.layers
        self.width = int(self.model.config.hidden_size)
        self.vocabulary = int(self.model.config.vocab_size)

    def pad(self, rows: Sequence[Sequence[int]], left: bool = False) -> tuple[Any, Any, Any]:
        """Ids, mask and positions of rows of different lengths."""
        longest = max(map(len, rows))
        ids = self.torch.zeros(len(rows), longest, dtype=self.torch.long)
        mask = self.torch.zeros_like(ids)
        for place, row in enumerate(rows):
            where = slice(longest - len(row), longest) if left else slice(0, len(row))
            ids[place, where] = self.torch.tensor(row)
            mask[place, where] = 1
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        return ids.to(self.device), mask.to(self.device), positions.to(self.device)

    @contextlib.contextmanager
    def watch(self, edit: Callable[[int, Any], Any]) -> Iterator[None]:
        """Calls `edit` with each layer's residual stream [rows, tokens, width]; what it returns, if anything, takes its place."""

        def before_first(_module: Any, args: tuple[Any, ...], kwargs: Json) -> Any:
            given = args[0] if args else kwargs["hidden_states"]
            changed = edit(0, given)
            if changed is None:
                return None
            return ((changed, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": changed})

        def after(layer: int) -> Callable[[Any, Any, Any], Any]:
            def hook(_module: Any, _args: Any, output: Any) -> Any:
                residual = output[0] if isinstance(output, tuple) else output
                changed = edit(layer, residual)
                if changed is None:
                    return None
                return (changed, *output[1:]) if isinstance(output, tuple) else changed

            return hook

        handles = [self.blocks[0].register_forward_pre_hook(before_first, with_kwargs=True)]
        handles += [block.register_forward_hook(after(place + 1)) for place, block in enumerate(self.blocks)]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def read_residuals(model: Model, batch: Sequence[Json]) -> dict[str, Any]:
    """Residual streams, pooled."""
    wanted = sorted({layer for request in batch for layer in request["layers"]})
    found: dict[int, Any] = {}

    def keep(layer: int, residual: Any) -> None:
        if layer in wanted:
            found[layer] = residual.float()

    ids, mask, positions = model.pad([request["ids"] for request in batch])
    with model.watch(keep):
        model.decoder(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False)
    tensors = {}
    for place, request in enumerate(batch):
        start, end = pool_range(request)
        parts = [found[layer][place, start:end] for layer in request["layers"]]
        if request["pool"] != "every":
            parts = [part.mean(0) for part in parts]
        tensors[f"{request['id']}.residuals"] = model.torch.stack(parts)
    return tensors


def read_keys_values(model: Model, batch: Sequence[Json]) -> dict[str, Any]:
    """What attention remembers of each token."""
    ids, mask, positions = model.pad([request["ids"] for request in batch])
    cache = model.decoder(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=True).past_key_values
    tensors = {}
    for place, request in enumerate(batch):
        tokens = len(request["ids"])
        for name in ("keys", "values"):
            parts = [getattr(cache.layers[layer], name)[place, :, :tokens] for layer in request["layers"]]
            tensors[f"{request['id']}.{name}"] = model.torch.stack(parts)
    return tensors


def score(model: Model, batch: Sequence[Json]) -> list[Json]:
    """Log-probabilities of given ids, in nats."""
    ids, mask, positions = model.pad([request["ids"] for request in batch])
    hidden = model.decoder(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False).last_hidden_state
    lines = []
    for place, request in enumerate(batch):
        start, end = int(request["prompt"]), len(request["ids"])
        logits = model.model.get_output_embeddings()(hidden[place, start - 1 : end - 1]).float()
        probabilities = logits.log_softmax(-1)
        chosen = probabilities.gather(1, ids[place, start:end, None])[:, 0]
        line: Json = {"id": request["id"], "log_probabilities": [_finite(value) for value in chosen.tolist()]}
        top = int(request.get("top", 0))
        if top > 0:
            values, tokens = probabilities.topk(top, dim=-1)
            line["top"] = [
                [[token, _finite(value)] for token, value in zip(row, found, strict=True)]
                for row, found in zip(tokens.tolist(), values.tolist(), strict=True)
            ]
        lines.append(line)
    return lines


def _finite(value: float) -> float:
    return value if math.isfinite(value) else -1e30


def intervene(model: Model, changes: Json) -> Callable[[int, Any], Any]:
    """Removes directions, then adds vectors, at the residual layers that `changes` names."""
    vectors: dict[str, dict[int, Any]] = {"add": {}, "remove": {}}
    for what, by_layer in vectors.items():
        for layer, values in (changes.get(what) or {}).items():
            vector = model.torch.tensor(values, dtype=model.torch.float32, device=model.device)
            if vector.shape != (model.width,):
                raise Fault("recipe", f"The vector for layer {layer} has {len(values)} elements, not {model.width}")
            if what == "remove":
                norm = vector.norm()
                vector = vector / norm if norm > 0 else vector
            by_layer[int(layer)] = vector
    only_answer = changes.get("from", "prompt") == "answer"

    def edit(layer: int, residual: Any) -> Any:
        removed, added = vectors["remove"].get(layer), vectors["add"].get(layer)
        if removed is None and added is None:
            return None
        # Prompts are written flush right: their last token is what the answer begins from.
        first = residual.shape[1] - 1 if only_answer else 0
        part = residual[:, first:].float()
        if removed is not None:
            part = part - (part @ removed)[..., None] * removed
        if added is not None:
            part = part + added
        return model.torch.cat([residual[:, :first], part.to(residual.dtype)], dim=1)

    return edit


def answer(model: Model, batch: Sequence[Json], context: int) -> list[Json]:
    """Answers of requests with the same interventions."""
    torch = model.torch
    edit = intervene(model, batch[0].get("interventions") or {})
    ids, mask, positions = model.pad([request["prompt"] for request in batch], left=True)
    chance = [torch.Generator().manual_seed(int(request["seed"])) for request in batch]
    room = [min(int(request["max_tokens"]), context - len(request["prompt"])) for request in batch]
    written: list[list[int]] = [[] for _ in batch]
    ended: list[str | None] = ["length" if space < 1 else None for space in room]
    cache = None
    with model.watch(edit):
        while any(end is None for end in ended):
            result = model.decoder(input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True)
            cache = result.past_key_values
            logits = model.model.get_output_embeddings()(result.last_hidden_state[:, -1]).float().cpu()
            chosen = [draw(torch, logits[place], request, chance[place]) for place, request in enumerate(batch)]
            for place, token in enumerate(chosen):
                if ended[place] is not None:
                    continue
                if token in batch[place]["stop"]:
                    ended[place] = "stop"
                    continue
                written[place].append(token)
                if len(written[place]) >= room[place]:
                    ended[place] = "length"
            ids = torch.tensor(chosen, device=model.device)[:, None]
            mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
            positions = positions[:, -1:] + 1
    return [
        {"id": request["id"], "ids": tokens, "finish": end, "tokens": len(tokens)}
        for request, tokens, end in zip(batch, written, ended, strict=True)
    ]


def draw(torch: Any, logits: Any, request: Json, chance: Any) -> int:
    """One token: temperature, then the fewest likeliest that reach top_p, then chance."""
    if request["temperature"] == 0:
        return int(logits.argmax())
    weights = (logits.double() / float(request["temperature"])).softmax(-1)
    if request["top_p"] < 1:
        ordered, places = weights.sort(descending=True, stable=True)
        kept = ordered.cumsum(0) - ordered < float(request["top_p"])
        weights = torch.zeros_like(weights).scatter(0, places[kept], ordered[kept])
    threshold = torch.rand(1, generator=chance, dtype=torch.float64) * weights.sum()
    return int((weights.cumsum(0) <= threshold).sum().clamp(max=len(weights) - 1))


def look(order: Order) -> None:
    folder = order.folder
    job, requests = read_json(folder / "job.json"), read_closed_lines(folder / "requests.jsonl.gz")
    if job is None or requests is None:
        raise Fault("other", f"{folder} lacks {'job.json' if job is None else 'whole requests'}")
    if job.get("v") != FORMAT or not str(job.get("mark", "")).startswith(order.name):
        raise Fault("other", f"{folder}/job.json is not of {order.name}, or of another version")
    place = find_model(order.storage, job["model"])
    adapter = None
    if job.get("adapter") is not None:
        adapter = find_adapter(order.storage, str(job["adapter"]))
        if adapter is None:
            raise Fault("model", f"The adapter {job['adapter']} is not there")
    results = Results(order)
    model = Model(place, adapter, str(job["dtype"]))
    check_requests(requests, len(model.blocks), model.vocabulary)
    order.alive()
    finished = results.finished()
    left = [request for request in requests if request["id"] not in finished]
    with model.torch.inference_mode():
        for batch in batch_rows([request for request in left if request["do"] == "residuals"], _row_length):
            results.add_tensors(read_residuals(model, batch))
        for batch in batch_rows([request for request in left if request["do"] == "keys-values"], _row_length):
            results.add_tensors(read_keys_values(model, batch))
        results.flush()
        for batch in batch_rows([request for request in left if request["do"] == "score"], _row_length):
            for line in score(model, batch):
                results.add_line(line)
        _answer_all(model, [request for request in left if request["do"] == "answer"], results, place)
    results.finish(job["mark"], requests)


def _answer_all(model: Model, requests: Sequence[Json], results: Results, place: Path) -> None:
    if not requests:
        return
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(place)
    context = int(getattr(model.model.config, "max_position_embeddings", 1 << 30))
    alike: dict[str, list[Json]] = {}
    for request in requests:
        alike.setdefault(json.dumps(request.get("interventions") or {}, sort_keys=True), []).append(request)
    for group in alike.values():
        for batch in batch_rows(group, lambda request: len(request["prompt"])):
            for line in answer(model, batch, context):
                results.add_line({**line, "text": tokenizer.decode(line["ids"], skip_special_tokens=True)})


def _row_length(request: Json) -> int:
    return len(request["ids"])


def main(arguments: Sequence[str]) -> int:
    die_with_parent()
    order = parse_order(json.loads(arguments[0]))

    def work() -> None:
        if not (order.folder / "done.json").exists():
            look(order)

    return run_work(order, work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
