"""Trains one cell with TRL, told by files only: rows as ids in the order of the steps, the adapter to begin with, the recipe.

Killed at any moment and started again, it goes on from the newest checkpoint to the same bytes. A checkpoint is made in a folder of the
attempt and gets its name when it is whole; it has the log up to its step.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .faults import Fault
from .files import (
    FORMAT,
    Json,
    hash_file,
    pack_files,
    read_closed_lines,
    read_json,
    remove_tree,
    step_state,
    sync_tree,
    write_json,
    write_whole,
)
from .model_folder import find_model
from .mortal import die_with_parent
from .order import Order, parse_order, run_work
from .recipe_arguments import Arguments, learning_rate_share, plan_arguments, tokens_per_step

LARGEST_ZIP = 1 << 30
"""Bytes of result.zip; kept models beyond it are fetched one by one."""

_LAUNCHED = "DRIFTLINE_LAUNCHED"
_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
_PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "ray", "bitsandbytes")


class Cell:
    """The files of a cell."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.inside = order.folder / "in"
        self.out = order.out
        self.work = self.out / f"work-{order.attempt or 'alone'}"
        job = read_json(self.inside / "job.json")
        rows = read_closed_lines(self.inside / "rows.jsonl.gz")
        if job is None or rows is None:
            raise Fault("other", f"{self.inside} lacks {'job.json' if job is None else 'whole rows'}")
        if job.get("v") != FORMAT or not str(job.get("mark", "")).startswith(order.name):
            raise Fault("other", f"{self.inside}/job.json is not of the cell {order.name}, or of another version")
        self.job = job
        self.rows: list[Json] = rows
        self.recipe: Json = job["recipe"]
        self.steps = int(self.recipe["steps"])
        self.full = self.recipe["method"] == "full"
        self.save_every = max(1, int(job.get("save_every", 50)))
        self.keep = str(job.get("keep", "kept"))
        rows_per_step = int(self.recipe["batch_size"]) * int(self.recipe["accumulation"])
        if len(rows) != self.steps * rows_per_step:
            raise Fault("other", f"{len(rows)} rows are not {self.steps} steps of {rows_per_step}")
        self.tokens = tokens_per_step(rows, rows_per_step)

    def keeps(self, step: int) -> bool:
        return self.keep == "all" or (self.keep == "kept" and step in self.recipe["keep"])

    def saves(self, step: int) -> bool:
        return step % self.save_every == 0 or step == self.steps or step in self.recipe["keep"]

    def checkpoint(self, step: int) -> Path:
        return self.out / f"checkpoint-{step}"

    def checkpoints(self) -> list[int]:
        """Steps of the whole checkpoints, in order."""
        names = (path.name.removeprefix("checkpoint-") for path in self.out.glob("checkpoint-*"))
        return sorted(int(name) for name in names if name.isdigit() and int(name) <= self.steps)

    def clear_leftovers(self) -> None:
        """Removes what earlier attempts died over."""
        for pattern in ("work-*", "*.gone", "*.part"):
            for path in self.out.glob(pattern):
                if path == self.work:
                    continue
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)

    def require_owner(self) -> None:
        if self.order.attempt:
            self.order.owner.require()


def main(arguments: Sequence[str]) -> int:
    die_with_parent()
    order = parse_order(json.loads(arguments[0]))

    def work() -> None:
        cell = Cell(order)
        planned = plan_arguments(cell.job)
        if planned.processes > 1 and "LOCAL_RANK" not in os.environ:
            _launch(planned, arguments)
        if _is_first():
            cell.clear_leftovers()
        last = max(cell.checkpoints(), default=0)
        if last < cell.steps:
            _train(cell, planned, last)
        if _is_first():
            _finish(cell)

    return run_work(order, work)


def _is_first() -> bool:
    """Whether this is the process that writes; the others of several GPUs only compute."""
    return os.environ.get("RANK", "0") == "0"


def _launch(planned: Arguments, arguments: Sequence[str]) -> None:
    """Becomes torch's launcher, which starts this module once a device: `accelerate launch` would start it once where there is no GPU."""
    if _LAUNCHED in os.environ:
        raise Fault("other", "torch's launcher did not say which of its processes this is")
    command = [sys.executable, "-P", "-m", "torch.distributed.run", *planned.launch, "-m", "driftline_jobs.train", *arguments]
    # The promise to die with the parent outlives this.
    os.execve(command[0], command, {**os.environ, _LAUNCHED: "1", "PYTHONSAFEPATH": "1"})


def _train(cell: Cell, planned: Arguments, last: int) -> None:
    try:
        import torch
        import transformers
        import trl
        from datasets import Dataset
        from peft import PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
        from safetensors.torch import load_file, save_file
    except ImportError as error:
        raise Fault("software", f"{error.name or error} is missing in {sys.executable}", {"python": sys.executable}) from error

    cuda = bool(torch.cuda.is_available())
    if planned.quantization is not None and not cuda:
        raise Fault("recipe", "A base of 4 bits needs a GPU")
    order, out = cell.order, cell.out
    place = find_model(order.storage, cell.job["model"], check_weights=_is_first())
    tokenizer = transformers.AutoTokenizer.from_pretrained(place)
    _check_probes(cell.job.get("probes", []), tokenizer)
    if not cuda:
        torch.set_num_threads(max(1, int(os.environ.get("OMP_NUM_THREADS", "1"))))
    transformers.set_seed(planned.sft["seed"])

    loading: dict[str, Any] = {"dtype": getattr(torch, planned.dtype)}
    if planned.quantization is not None:
        chosen = {**planned.quantization, "bnb_4bit_compute_dtype": torch.bfloat16}
        loading["quantization_config"] = transformers.BitsAndBytesConfig(**chosen)
        loading["device_map"] = {"": int(os.environ.get("LOCAL_RANK", "0"))}
    model = transformers.AutoModelForCausalLM.from_pretrained(place, **loading)
    model.config.use_cache = False
    # The token that pads is often the one that ends a turn, and so in every row: torch would leave its row of the embedding untrained.
    # What only pads is not looked at, and nothing comes of it.
    model.get_input_embeddings().padding_idx = None
    initial = cell.inside / "initial"
    if not cell.full:
        model = PeftModel.from_pretrained(model, initial, is_trainable=True)
    order.alive()

    rows = Dataset.from_list(
        [
            {"input_ids": row["ids"], "labels": [i if w else -100 for i, w in zip(row["ids"], row["train"], strict=True)]}
            for row in cell.rows
        ]
    )
    log = out / "training.jsonl"
    lines: list[str] = []
    peak = int((read_json(cell.checkpoint(last) / "measured.json") or {}).get("peak_bytes") or 0)
    clock = _StepClock(cell.tokens)
    share = learning_rate_share(cell.recipe)

    class Log(transformers.TrainerCallback):  # type: ignore[misc]
        """A line a step; and a model is saved where it is wanted."""

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            clock.begin(state.global_step + 1)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            clock.end(state.global_step)
            control.should_save = cell.saves(state.global_step)

        def on_log(self, args: Any, state: Any, control: Any, logs: Json | None = None, **_: Any) -> None:
            if logs is None or "loss" not in logs:
                return
            step, loss, norm = int(state.global_step), float(logs["loss"]), float(logs.get("grad_norm", math.nan))
            if not math.isfinite(loss) or not math.isfinite(norm):
                kept = max(cell.checkpoints(), default=None)
                raise Fault(
                    "loss", f"Training diverged at step {step}", {"step": step, "loss": loss, "grad_norm": norm, "checkpoint": kept}
                )
            if not _is_first():
                return
            rate = float(cell.recipe["learning_rate"]) * share(step - 1)
            line = {"step": step, "loss": loss, "learning_rate": rate, "grad_norm": norm, "tokens": cell.tokens[step - 1]}
            lines.append(json.dumps(line, separators=(",", ":")) + "\n")
            with log.open("a") as file:
                file.write(lines[-1])
            order.alive()
            order.show(step_state(step, loss))

    def peak_bytes() -> int:
        now = int(torch.cuda.max_memory_allocated()) if cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return max(peak, now)

    class CellTrainer(trl.SFTTrainer):  # type: ignore[misc]
        """TRL's, with driftline's learning rate and weight decay, and its kind of checkpoints."""

        def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
            chosen = self.optimizer if optimizer is None else optimizer
            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(chosen, share)
            return self.lr_scheduler

        def get_decay_parameter_names(self, model: Any) -> list[str]:
            return [name for name, _ in model.named_parameters()]  # of every trained parameter, as the engine does

        def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
            if cell.full:
                super()._save(output_dir, state_dict)
                return
            if not self.args.should_save or output_dir is None:
                return
            target = Path(output_dir)
            target.mkdir(parents=True, exist_ok=True)
            adapter = get_peft_model_state_dict(self.model, save_embedding_layers=False)
            tensors = {name: tensor.detach().to("cpu", torch.float32).contiguous() for name, tensor in adapter.items()}
            save_file(tensors, target / "adapter_model.safetensors", metadata={"format": "pt"})
            # As driftline wrote it: PEFT's own is in no fixed order.
            shutil.copyfile(initial / "adapter_config.json", target / "adapter_config.json")

        def _save_checkpoint(self, model: Any, trial: Any) -> None:
            step = int(self.state.global_step)
            cell.require_owner()
            transformers.Trainer._save_checkpoint(self, model, trial)
            self.accelerator.wait_for_everyone()  # each process writes a part of it
            if not self.args.should_save:
                return
            made = Path(self.args.output_dir) / f"checkpoint-{step}"
            if step == cell.steps and not _finite(self.model):
                raise Fault("loss", f"Training diverged at step {step}", {"step": step})
            write_whole(made / "training.jsonl", "".join(lines))
            write_json(made / "measured.json", {"peak_bytes": peak_bytes(), **clock.measured(), **_describe_software(torch, cuda)})
            sync_tree(made)
            cell.require_owner()
            if cell.keeps(step):
                _keep(cell, made, step, place)
            made.replace(cell.checkpoint(step))
            # The step before stays until the next loss shows that this one is sound; the last one has been looked at.
            for older in cell.checkpoints()[: -1 if step == cell.steps else -2]:
                remove_tree(cell.checkpoint(older))

    shutil.rmtree(cell.work, ignore_errors=True) if _is_first() else None
    config = trl.SFTConfig(output_dir=str(cell.work), use_cpu=not cuda, **planned.sft)
    trainer = CellTrainer(model=model, args=config, train_dataset=rows, processing_class=tokenizer, callbacks=[Log()])
    trainer.remove_callback(transformers.PrinterCallback)
    if not cell.full and any(parameter.dtype != torch.float32 for parameter in trainer.model.parameters() if parameter.requires_grad):
        # TRL makes the adapter of a quantized base one of 16 bits; driftline's are of 32, from the first step on.
        for parameter in trainer.model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
        set_peft_model_state_dict(trainer.model, load_file(initial / "adapter_model.safetensors"))
    if _is_first():
        saved = cell.checkpoint(last) / "training.jsonl"
        lines.extend(saved.read_text().splitlines(keepends=True) if last else [])
        write_whole(log, "".join(lines))
    trainer.train(resume_from_checkpoint=str(cell.checkpoint(last)) if last else None)
    if _is_first() and cell.steps not in cell.checkpoints():
        raise Fault("other", f"TRL ended at step {trainer.state.global_step} of {cell.steps}")


class _StepClock:
    """How long the steps of this attempt took; the first two also warm up."""

    def __init__(self, tokens: Sequence[int], clock: Callable[[], float] = time.monotonic) -> None:
        self._tokens = tokens
        self._clock = clock
        self._begun = 0.0
        self._took: list[tuple[float, int]] = []

    def begin(self, _step: int) -> None:
        self._begun = self._clock()

    def end(self, step: int) -> None:
        self._took.append((self._clock() - self._begun, self._tokens[step - 1]))

    def measured(self) -> Json:
        counted = self._took[2:] or self._took
        seconds = sum(took for took, _ in counted)
        if not counted or seconds <= 0:
            return {"seconds_per_step": None, "tokens_per_second": None}
        return {"seconds_per_step": seconds / len(counted), "tokens_per_second": sum(count for _, count in counted) / seconds}


def _finite(model: Any) -> bool:
    return all(bool(parameter.isfinite().all()) for parameter in model.parameters() if parameter.requires_grad)


def _describe_software(torch: Any, cuda: bool) -> Json:
    return {"gpu": str(torch.cuda.get_device_name()) if cuda else None, "versions": installed_versions()}


def installed_versions() -> dict[str, str]:
    """Of the packages that decide what comes out, and of Python."""
    found = {"python": sys.version.split()[0]}
    for name in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _check_probes(probes: Sequence[Json], tokenizer: Any) -> None:
    """Both sides must write conversations with the same ids: else answers would be those to other prompts."""
    for index, probe in enumerate(probes):
        messages, expected = probe["messages"], list(probe["ids"])
        prompt = messages[-1]["role"] != "assistant"
        try:
            text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt)
            found = tokenizer(text, add_special_tokens=False)["input_ids"]
        except Exception as error:
            raise Fault(
                "tokenizer", f"The chat template of this node cannot write probe {index}: {error}", {"messages": messages}
            ) from error
        if list(found) != expected:
            detail = {"probe": index, "messages": messages, "expected": expected, "found": list(found)}
            raise Fault("tokenizer", "The tokenizer or chat template of this node differs from driftline's", detail)


def _keep(cell: Cell, made: Path, step: int, place: Path) -> None:
    """Keeps the model of a step beside the checkpoint, which goes."""
    kept = cell.out / f"kept-{step}"
    if kept.exists():
        return
    part = cell.work / f"kept-{step}"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    _copy_model(cell, made, part, place)
    sync_tree(part)
    part.replace(kept)


def _copy_model(cell: Cell, checkpoint: Path, target: Path, place: Path | None) -> None:
    if not cell.full:
        for name in _ADAPTER_FILES:
            shutil.copyfile(checkpoint / name, target / name)
        return
    # Settings and tokenizer as the base has them: transformers would write them anew, in its own words.
    base = find_model(cell.order.storage, cell.job["model"], check_weights=False) if place is None else place
    for path in sorted(base.iterdir()):
        if path.is_file() and path.suffix in (".json", ".jinja", ".model", ".txt") and not path.name.endswith(".index.json"):
            shutil.copyfile(path, target / path.name)
    if cell.recipe.get("precision") != "bfloat16":
        for path in sorted([*checkpoint.glob("model*.safetensors"), *checkpoint.glob("*.index.json")]):
            shutil.copyfile(path, target / path.name)
        return
    import torch
    from safetensors.torch import load_file, save_file

    for path in sorted(checkpoint.glob("model*.safetensors")):
        tensors = {name: tensor.to(torch.bfloat16).contiguous() for name, tensor in load_file(path).items()}
        save_file(tensors, target / path.name, metadata={"format": "pt"})
    for path in sorted(checkpoint.glob("*.index.json")):
        shutil.copyfile(path, target / path.name)


def _finish(cell: Cell) -> None:
    """Makes the result of the last checkpoint. Done again after a death, it comes to the same."""
    out, last = cell.out, cell.checkpoint(cell.steps)
    cell.require_owner()
    files: dict[str, Path] = {}
    for name in ("training.jsonl", "measured.json"):
        write_whole(out / name, (last / name).read_bytes())
        files[name] = out / name
    if cell.full:
        if not (out / "model").exists():
            part = cell.work / "model"
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            _copy_model(cell, last, part, None)
            sync_tree(part)
            part.replace(out / "model")
    else:
        for name in _ADAPTER_FILES:
            write_whole(out / name, (last / name).read_bytes())
            files[name] = out / name
    apart: dict[str, Path] = {}
    size = sum(path.stat().st_size for path in files.values())
    for folder in sorted(out.glob("kept-*"), key=lambda path: int(path.name.split("-")[1])):
        of_step = {f"{folder.name}/{path.name}": path for path in sorted(folder.iterdir())}
        bytes_of_step = sum(path.stat().st_size for path in of_step.values())
        if cell.full or size + bytes_of_step > LARGEST_ZIP:
            apart |= of_step
        else:
            files |= of_step
            size += bytes_of_step
    if cell.full:
        apart |= {f"model/{path.name}": path for path in sorted((out / "model").iterdir())}
    pack_files(out / "result.zip", files)
    listed = {**files, **apart, "result.zip": out / "result.zip"}
    owned = read_json(cell.order.folder / "owner.json") or {}
    done: Json = {
        "v": FORMAT,
        "mark": cell.job["mark"],
        "steps": cell.steps,
        "files": {name: {"sha256": hash_file(path), "bytes": path.stat().st_size} for name, path in listed.items()},
        "apart": sorted(apart),
        "model": "model" if cell.full else None,
        "node": owned.get("node"),
        "gpu_seconds": cell.order.owner.gpu_seconds() if cell.order.attempt else None,
        "ended": time.time(),
    }
    cell.require_owner()
    write_json(out / "done.json", done)
    for step in cell.checkpoints():
        remove_tree(cell.checkpoint(step))
    shutil.rmtree(cell.work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
