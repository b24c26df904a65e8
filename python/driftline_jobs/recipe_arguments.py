"""From job.json to the arguments of TRL, transformers and torch's launcher. Pure: what the golden files hold."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .faults import Fault
from .files import Json

_KNOWN = frozenset(
    re.findall(
        r"\w+",
        "method rank alpha rslora targets layers optimizer learning_rate schedule decay_to warmup_steps epochs max_steps batch_size "
        "accumulation weight_decay beta1 beta2 epsilon max_grad_norm loss max_length overlong shuffle seed steps keep precision "
        "gradient_checkpointing quantization",
    )
)

NO_CLIPPING = 1e30
"""A norm that no gradient reaches: TRL tells the norm only where it clips."""


@dataclass(frozen=True)
class Arguments:
    """What the engines are told."""

    dtype: str
    """Of the base's weights when they are loaded."""
    quantization: Json | None
    """For BitsAndBytesConfig."""
    sft: Json
    """For SFTConfig, but for folders and the device."""
    processes: int
    launch: list[str]
    """Arguments of `python -m torch.distributed.run` before the module; empty for one process."""

    def as_json(self) -> Json:
        return {
            "dtype": self.dtype,
            "quantization": self.quantization,
            "sft": self.sft,
            "processes": self.processes,
            "launch": self.launch,
        }


def plan_arguments(job: Json) -> Arguments:
    """The arguments of a cell; a recipe that cannot be done is a fault."""
    recipe = job["recipe"]
    unknown = sorted(set(recipe) - _KNOWN)
    if unknown:
        raise Fault("recipe", f"The recipe has {', '.join(unknown)}, which this version of driftline_jobs does not know")
    method, quantization = recipe["method"], recipe.get("quantization")
    precision = recipe.get("precision", "float32")
    checkpointing = bool(recipe.get("gradient_checkpointing", False))
    if method not in ("lora", "full"):
        raise Fault("recipe", f"There is no method {method}")
    if precision not in ("float32", "bfloat16"):
        raise Fault("recipe", f"There is no precision {precision}")
    if quantization not in (None, "nf4"):
        raise Fault("recipe", f"There is no quantization {quantization}")
    if quantization is not None and (method != "lora" or precision != "bfloat16"):
        raise Fault("recipe", "A base of 4 bits is trained by LoRA in bfloat16 only")
    if method == "full" and recipe.get("optimizer", "adamw") != "adamw":
        raise Fault("recipe", "TRL trains with AdamW only; the embedded engine has Muon")
    processes = int(job["gpus"])
    rows, accumulation = int(job["per_device_rows"]), int(job["accumulation"])
    wanted = int(recipe["batch_size"]) * int(recipe["accumulation"])
    if min(processes, rows, accumulation) < 1 or rows * accumulation * processes != wanted:
        raise Fault("recipe", f"{rows} rows a device x {accumulation} x {processes} devices are not the {wanted} rows of a step")
    sft: dict[str, Any] = {
        "per_device_train_batch_size": rows,
        "gradient_accumulation_steps": accumulation,
        "max_steps": int(recipe["steps"]),
        "learning_rate": recipe["learning_rate"],
        # Only for the log of TRL: `learning_rate_share` decides.
        "lr_scheduler_type": "constant",
        "warmup_steps": 0,
        "weight_decay": recipe["weight_decay"],
        "adam_beta1": recipe["beta1"],
        "adam_beta2": recipe["beta2"],
        "adam_epsilon": recipe["epsilon"],
        "max_grad_norm": NO_CLIPPING if recipe["max_grad_norm"] is None else recipe["max_grad_norm"],
        "optim": "adamw_torch",
        "seed": int(recipe["seed"]) % 2**32,
        "data_seed": int(recipe["seed"]) % 2**32,
        # The rows come in the order of the steps, as ids.
        "train_sampling_strategy": "sequential",
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "packing": False,
        "max_length": None,
        "eos_token": None,
        "loss_type": "nll",
        "dataloader_drop_last": False,
        "average_tokens_across_devices": True,
        "bf16": precision == "bfloat16",
        "fp16": False,
        "tf32": None,
        "gradient_checkpointing": checkpointing,
        "gradient_checkpointing_kwargs": {"use_reentrant": False} if checkpointing else None,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "include_num_input_tokens_seen": "no",
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }
    launch: list[str] = []
    if processes > 1:
        launch = ["--standalone", "--nproc_per_node", str(processes)]
        if method == "full":
            sharding: dict[str, Any] = {"version": 2, "auto_wrap_policy": "TRANSFORMER_BASED_WRAP", "state_dict_type": "FULL_STATE_DICT"}
            if checkpointing:
                # Of FSDP's own kind: the other gathers the weights twice.
                sharding["activation_checkpointing"] = True
                sft["gradient_checkpointing"] = False
                sft["gradient_checkpointing_kwargs"] = None
            sft["fsdp"] = True
            sft["fsdp_config"] = sharding
        else:
            sft["ddp_find_unused_parameters"] = False
    return Arguments(
        # Full training in bfloat16 keeps weights in float32 and computes in bfloat16; LoRA's base needs no more than 16 bits.
        dtype="bfloat16" if precision == "bfloat16" and method == "lora" else "float32",
        quantization=None
        if quantization is None
        else {
            "load_in_4bit": True,
            "bnb_4bit_quant_type": "nf4",
            "bnb_4bit_use_double_quant": True,
            "bnb_4bit_compute_dtype": "bfloat16",
            "bnb_4bit_quant_storage": "uint8",
        },
        sft=sft,
        processes=processes,
        launch=launch,
    )


def learning_rate_share(recipe: Json) -> Callable[[int], float]:
    """The share of the learning rate in a step, counted from 0: `learningRateAt` of the engine."""
    steps, warmup, end = int(recipe["steps"]), int(recipe["warmup_steps"]), float(recipe["decay_to"])
    schedule = recipe["schedule"]

    def share(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        if schedule == "constant":
            return 1.0
        if step >= steps:
            return end  # asked for once after the last step
        if schedule == "linear":
            falling = (steps - step) / (steps - warmup)
        else:
            falling = (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2
        return end + (1 - end) * falling

    return share


def tokens_per_step(rows: list[Json], rows_per_step: int) -> list[int]:
    """Tokens of the rows of each step, without those that only fill it."""
    filler = {"ids": [0, 0], "train": [0, 0]}
    counts = [0 if row == filler else len(row["ids"]) for row in rows]
    return [sum(counts[start : start + rows_per_step]) for start in range(0, len(rows), rows_per_step)]
