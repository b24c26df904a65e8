from __future__ import annotations

import json
import math
import unittest

from driftline_jobs.faults import Fault
from driftline_jobs.files import Json
from driftline_jobs.recipe_arguments import learning_rate_share, plan_arguments, tokens_per_step

from .fixtures import FIXTURES

GOLDENS = FIXTURES / "arguments"
JOBS = FIXTURES / "jobs"

RECIPE: Json = {
    "method": "lora", "rank": 32, "alpha": 64, "rslora": True, "targets": ["q_proj"], "layers": "all", "learning_rate": 1e-5,
    "schedule": "linear", "decay_to": 0, "warmup_steps": 5, "epochs": 1, "max_steps": None, "batch_size": 2, "accumulation": 8,
    "weight_decay": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "max_grad_norm": 1, "loss": "answers", "max_length": 2048,
    "overlong": "error", "shuffle": True, "seed": 0, "steps": 375, "keep": [],
}  # fmt: skip
FULL: Json = {key: value for key, value in RECIPE.items() if key not in ("rank", "alpha", "rslora", "targets", "layers")} | {
    "method": "full",
    "optimizer": "adamw",
}


def job_of(recipe: Json, gpus: int = 1, rows: int = 2, accumulation: int = 8) -> Json:
    return {"recipe": recipe, "gpus": gpus, "per_device_rows": rows, "accumulation": accumulation}


def arguments_of(name: str) -> Json:
    """What follows from the job that driftline sends: both sides hold the same files."""
    return plan_arguments(json.loads((JOBS / f"{name}.json").read_text())).as_json()


def write_goldens() -> None:
    """`python3 -m tests.test_recipe_arguments` writes what the tests then hold."""
    GOLDENS.mkdir(parents=True, exist_ok=True)
    for path in GOLDENS.iterdir():
        path.unlink()
    for path in JOBS.iterdir():
        (GOLDENS / path.name).write_text(json.dumps(arguments_of(path.stem), indent=1) + "\n")


class RecipeArguments(unittest.TestCase):
    def test_are_those_of_the_goldens(self) -> None:
        names = {path.stem for path in JOBS.iterdir()}
        self.assertEqual({path.stem for path in GOLDENS.iterdir()}, names)
        for name in names:
            with self.subTest(name):
                self.assertEqual(arguments_of(name), json.loads((GOLDENS / f"{name}.json").read_text()))

    def test_recipes_differ_where_they_should(self) -> None:
        def told(name: str) -> tuple[object, ...]:
            job, found = json.loads((JOBS / f"{name}.json").read_text()), arguments_of(name)
            sft = found["sft"]
            rows = sft["per_device_train_batch_size"] * sft["gradient_accumulation_steps"] * found["processes"]
            self.assertEqual(rows, job["recipe"]["batch_size"] * job["recipe"]["accumulation"])
            return found["dtype"], sft["bf16"], sft["gradient_checkpointing"], found["quantization"] is not None, "fsdp" in sft

        self.assertEqual(told("lora-float32"), ("float32", False, False, False, False))
        self.assertEqual(told("lora-bfloat16"), ("bfloat16", True, False, False, False))
        self.assertEqual(told("lora-checkpointing"), ("bfloat16", True, True, False, False))
        self.assertEqual(told("lora-nf4"), ("bfloat16", True, True, True, False))
        self.assertEqual(told("lora-four-gpus"), ("bfloat16", True, False, False, False))
        self.assertEqual(told("lora-long-context"), ("bfloat16", True, True, False, False))
        self.assertEqual(told("full-float32"), ("float32", False, False, False, False))
        self.assertEqual(told("full-bfloat16"), ("float32", True, True, False, False))
        self.assertEqual(told("full-eight-gpus"), ("float32", True, False, False, True))

    def test_what_cannot_be_done_is_a_fault(self) -> None:
        for job, said in (
            (job_of({**RECIPE, "rang": 3}), "rang"),
            (job_of({**RECIPE, "method": "prefix"}), "prefix"),
            (job_of({**RECIPE, "precision": "float16"}), "float16"),
            (job_of({**RECIPE, "quantization": "int8"}), "int8"),
            (job_of({**RECIPE, "quantization": "nf4"}), "bfloat16"),
            (job_of({**FULL, "quantization": "nf4", "precision": "bfloat16"}), "LoRA"),
            (job_of({**FULL, "optimizer": "muon"}), "Muon"),
            (job_of(RECIPE, 3), "16 rows"),
            (job_of(RECIPE, 0), "16 rows"),
        ):
            with self.subTest(said), self.assertRaises(Fault) as caught:
                plan_arguments(job)
            self.assertEqual(caught.exception.kind, "recipe")
            self.assertIn(said, caught.exception.message)

    def test_learning_rates_are_those_of_the_engine(self) -> None:
        lines = [json.loads(line) for line in (FIXTURES / "engine" / "training.jsonl").read_text().splitlines()]
        share = learning_rate_share({"steps": 6, "warmup_steps": 2, "decay_to": 0, "schedule": "linear"})
        self.assertEqual([1e-3 * share(step) for step in range(6)], [line["learning_rate"] for line in lines])
        cosine = learning_rate_share({"steps": 10, "warmup_steps": 2, "decay_to": 0.1, "schedule": "cosine"})
        self.assertTrue(math.isclose(cosine(6), 0.1 + 0.9 * 0.5))
        constant = learning_rate_share({"steps": 10, "warmup_steps": 0, "decay_to": 0, "schedule": "constant"})
        self.assertEqual({constant(step) for step in range(11)}, {1.0})
        only_warm_up = learning_rate_share({"steps": 3, "warmup_steps": 5, "decay_to": 0, "schedule": "linear"})
        self.assertEqual([only_warm_up(step) for step in range(4)], [0.2, 0.4, 0.6, 0.8])

    def test_rows_that_fill_a_step_have_no_tokens(self) -> None:
        filler = {"ids": [0, 0], "train": [0, 0]}
        rows: list[Json] = [{"ids": [1, 2, 3], "train": [0, 1, 1]}, {"ids": [0, 0], "train": [0, 1]}, filler, {"ids": [4], "train": [0]}]
        self.assertEqual(tokens_per_step(rows, 2), [5, 1])


if __name__ == "__main__":
    write_goldens()
