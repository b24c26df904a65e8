from __future__ import annotations

import json
import os
import subprocess
import sys
import unittest
import zipfile
from importlib.util import find_spec
from typing import Any

from driftline_jobs import files
from driftline_jobs.faults import EXIT_FAULT

from .fixtures import FIXTURES, copy_storage, the_cell
from .test_files import PACKAGE, Folder


class Programs(Folder):
    """Programs that need TRL and transformers, run on the small cell."""

    def setUp(self) -> None:
        super().setUp()
        self.storage = copy_storage(self.folder)
        self.cell = the_cell(self.storage)
        self.out = self.cell / "out"
        self.out.mkdir()

    def run_program(self, module: str, order: files.Json, expected: int = 0) -> None:
        text = json.dumps({"v": 1, "storage": str(self.storage), "run": "fixture", **order})
        ended = subprocess.run(
            [sys.executable, "-P", "-m", f"driftline_jobs.{module}", text],
            env={**os.environ, "PYTHONPATH": str(PACKAGE), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
        )
        self.assertEqual(ended.returncode, expected, ended.stderr[-3000:])

    def train(self, expected: int = 0) -> None:
        self.run_program("train", {"kind": "train", "cell": self.cell.name}, expected)

    def change_job(self, **changes: Any) -> None:
        job = files.read_json(self.cell / "in" / "job.json")
        assert job is not None
        files.write_json(self.cell / "in" / "job.json", {**job, **changes})

    def fault(self) -> files.Json:
        return files.read_json(self.out / "fault.json") or {}


@unittest.skipUnless(find_spec("trl"), "TRL is not installed here")
class Training(Programs):
    def test_has_the_losses_of_the_engine_and_ends_with_its_mark(self) -> None:
        self.train()
        log = [json.loads(line) for line in (self.out / "training.jsonl").read_text().splitlines()]
        engine = [json.loads(line) for line in (FIXTURES / "engine" / "training.jsonl").read_text().splitlines()]
        self.assertEqual(len(log), len(engine))
        for ours, theirs in zip(log, engine, strict=True):
            self.assertEqual(
                (ours["step"], ours["tokens"], ours["learning_rate"]), (theirs["step"], theirs["tokens"], theirs["learning_rate"])
            )
            for name in ("loss", "grad_norm"):
                self.assertLessEqual(abs(ours[name] - theirs[name]), max(1e-6, 1e-4 * abs(theirs[name])))
        done = files.read_json(self.out / "done.json")
        assert done is not None
        self.assertEqual((done["steps"], done["apart"], done["model"]), (6, [], None))
        with zipfile.ZipFile(self.out / "result.zip") as archive:
            self.assertEqual(set(archive.namelist()) | {"result.zip"}, set(done["files"]))
            for name in archive.namelist():
                self.assertEqual(files.hash_bytes(archive.read(name)), done["files"][name]["sha256"])
            self.assertIn("kept-3/adapter_model.safetensors", archive.namelist())
        initial = self.cell / "in" / "initial" / "adapter_config.json"
        self.assertEqual((self.out / "adapter_config.json").read_bytes(), initial.read_bytes())
        left = sorted(path.name for path in self.out.iterdir() if not path.is_file())
        self.assertEqual(left, ["kept-3"])

    def test_another_template_is_a_fault_that_shows_both(self) -> None:
        messages = [{"role": "user", "content": "Who are you?"}]
        self.change_job(probes=[{"messages": messages, "ids": [1, 2, 3]}])
        self.train(EXIT_FAULT)
        fault = self.fault()
        self.assertEqual(fault["kind"], "tokenizer")
        self.assertEqual((fault["detail"]["expected"], fault["detail"]["messages"]), ([1, 2, 3], messages))
        self.assertGreater(len(fault["detail"]["found"]), 3)

    def test_a_loss_that_is_not_finite_is_a_fault(self) -> None:
        job = files.read_json(self.cell / "in" / "job.json")
        assert job is not None
        self.change_job(recipe={**job["recipe"], "learning_rate": 1e30})
        self.train(EXIT_FAULT)
        self.assertEqual(self.fault()["kind"], "loss")


@unittest.skipUnless(find_spec("peft"), "PEFT is not installed here")
class LookingInside(Programs):
    def test_goes_on_where_it_was(self) -> None:
        job = files.read_json(self.cell / "in" / "job.json")
        assert job is not None
        mark = "ab" * 32
        folder = self.storage / "runs" / "fixture" / "inside" / mark[:20]
        requests: list[files.Json] = [
            {"id": "r", "do": "residuals", "ids": [1, 5, 6, 7], "prompt": 2, "layers": [0, 4], "pool": "every"},
            {"id": "k", "do": "keys-values", "ids": [1, 5, 6], "layers": [1]},
            {"id": "s", "do": "score", "ids": [1, 5, 6], "prompt": 1, "top": 2},
        ]
        files.write_closed_lines(folder / "requests.jsonl.gz", requests)
        files.write_json(folder / "job.json", {"v": 1, "mark": mark, "model": job["model"], "adapter": None, "dtype": "float32"})
        order: files.Json = {"kind": "inside", "hash": mark[:20]}
        self.run_program("inside", order)
        first = {path.name: path.read_bytes() for path in (folder / "result.safetensors", folder / "scores.jsonl")}
        (folder / "done.json").unlink()
        (folder / "scores.jsonl").write_bytes(first["scores.jsonl"][:-9])
        self.run_program("inside", order)
        self.assertEqual({name: (folder / name).read_bytes() for name in first}, first)
        files.write_closed_lines(folder / "requests.jsonl.gz", [{**requests[0], "layers": [5]}])
        (folder / "done.json").unlink()
        self.run_program("inside", order, EXIT_FAULT)
        self.assertEqual((files.read_json(folder / "fault.json") or {})["kind"], "recipe")
