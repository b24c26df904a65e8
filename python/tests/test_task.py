from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import unittest
from collections.abc import Mapping
from pathlib import Path

from driftline_jobs import files
from driftline_jobs.driver import mark_storage, unpack
from driftline_jobs.faults import Fault, child_environment, classify, redact, write_fault
from driftline_jobs.model_folder import find_model
from driftline_jobs.order import OrderError, find_adapter, parse_order
from driftline_jobs.task import Outcome, link_way_back, measure_progress, run_attempt, way_back_name

from .fixtures import FIXTURES, ORGANISM, copy_storage, the_cell
from .test_files import PACKAGE, Folder
from .test_sample import _runs


class Attempts(Folder):
    """Attempts whose interpreter is a script of the test's."""

    def setUp(self) -> None:
        super().setUp()
        self.storage = copy_storage(self.folder)
        self.cell = the_cell(self.storage)
        self.out = self.cell / "out"
        self.order = {"v": 1, "kind": "train", "storage": str(self.storage), "run": "fixture", "cell": self.cell.name, "tries": 2}

    def attempt(self, script: str, job: str = "job", **more: object) -> Outcome:
        python = self.folder / "script"
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
        environment: Mapping[str, str] = {**os.environ, "OUT": str(self.out), "RAY_AUTH_TOKEN": "planted", "HF_TOKEN": "for-the-hub"}
        return run_attempt(parse_order({**self.order, **more, "python": str(python)}), job, "node-1", PACKAGE, environment)

    def progress(self) -> list[str]:
        return [path.name.split("@", 1)[1] for path in (self.storage / "runs/fixture/progress").iterdir()]

    def test_what_ends_well_is_done(self) -> None:
        outcome = self.attempt('env > "$OUT/env"; echo "$@" > "$OUT/args"; touch "$OUT/done.json"')
        self.assertEqual((outcome.state, self.progress()), ("done", ["done"]))
        environment = (self.out / "env").read_text()
        self.assertNotIn("planted", environment)
        self.assertIn("HF_TOKEN=for-the-hub", environment)
        self.assertIn(f"PYTHONPATH={PACKAGE}", environment)
        self.assertTrue((self.out / "args").read_text().startswith("-P -m driftline_jobs.train {"))
        self.assertEqual(self.attempt("exit 9").state, "done", "what is done is not done again")

    def test_the_killed_are_counted_until_something_moves(self) -> None:
        self.assertEqual(self.attempt("kill -9 $$").state, "killed")
        self.assertEqual(self.attempt("kill -9 $$").state, "killed")
        self.assertEqual(self.attempt('mkdir -p "$OUT/checkpoint-2"; kill -9 $$').state, "fault")
        self.assertEqual((files.read_json(self.out / "fault.json") or {})["kind"], "killed")
        self.assertEqual(self.progress(), ["fault"])
        self.assertEqual(self.attempt("exit 0").state, "fault", "within the job a fault stays")
        again = self.attempt('mkdir -p "$OUT/checkpoint-2"; kill -9 $$', job="another")
        self.assertEqual((again.state, again.progress), ("killed", 2))
        self.assertFalse((self.out / "fault.json").exists())
        self.assertEqual(self.attempt("kill -9 $$", job="another").state, "killed")

    def test_a_fault_of_the_child_is_told(self) -> None:
        outcome = self.attempt('echo \'{"v":1,"kind":"memory","message":"too much"}\' > "$OUT/fault.json"; exit 3')
        self.assertEqual((outcome.state, outcome.message), ("fault", "too much"))

    def test_what_stands_still_is_ended_with_all_that_it_started(self) -> None:
        began = time.monotonic()
        outcome = self.attempt('sleep 300 & echo $! > "$OUT/child"; wait', stalled_after=1)
        self.assertEqual(outcome.state, "fault")
        self.assertLess(time.monotonic() - began, 60)
        self.assertEqual((files.read_json(self.out / "fault.json") or {})["kind"], "stalled")
        time.sleep(0.2)
        self.assertFalse(_runs(int((self.out / "child").read_text())))

    def test_of_twins_the_older_one_ends(self) -> None:
        owner = self.cell / "owner.json"
        outcome = self.attempt(f'echo \'{{"attempt":"another"}}\' > {owner}; sleep 300')
        self.assertEqual(outcome.state, "replaced")
        self.assertEqual(files.read_json(owner), {"attempt": "another"})

    def test_a_fine_tune_that_is_replaced_writes_nothing(self) -> None:
        files.write_json(self.cell / "owner.json", {"attempt": "another"})
        self.out.mkdir()
        child = subprocess.run(
            [sys.executable, "-P", "-m", "driftline_jobs.train", json.dumps({**self.order, "attempt": "mine"})],
            env={**os.environ, "PYTHONPATH": str(PACKAGE)},
            capture_output=True,
        )
        # It ends either as replaced or, where TRL is not installed, with a fault that it may not write.
        self.assertNotEqual(child.returncode, 0)
        self.assertFalse((self.out / "fault.json").exists())

    def test_software_that_is_missing_is_told(self) -> None:
        with self.assertRaises(Fault) as caught:
            run_attempt(parse_order({**self.order, "python": "/no/such/python"}), "job", "node", PACKAGE, os.environ)
        self.assertEqual(caught.exception.kind, "software")

    def test_rows_that_are_not_whole_are_told(self) -> None:
        rows = self.cell / "in" / "rows.jsonl.gz"
        rows.write_bytes(rows.read_bytes()[:-30])
        outcome = run_attempt(parse_order(self.order), "job", "node", PACKAGE, os.environ)
        self.assertEqual(outcome.state, "fault")
        self.assertIn("whole rows", outcome.message)

    def test_progress_is_that_of_the_files(self) -> None:
        order = parse_order(self.order)
        self.assertEqual(measure_progress(order), 0)
        for name in ("checkpoint-3", "checkpoint-12", "checkpoint-x", "work-1"):
            (self.out / name).mkdir(parents=True)
        self.assertEqual(measure_progress(order), 12)


class Orders(Folder):
    def test_of_the_fixtures(self) -> None:
        order = parse_order(json.loads((FIXTURES / "order-train.json").read_text()))
        self.assertEqual(order.folder, Path("/storage/cells") / order.name)
        self.assertEqual(order.out, order.folder / "out")
        lane = parse_order(json.loads((FIXTURES / "order-lane.json").read_text()))
        self.assertEqual(lane.out, Path("/storage/runs/fixture/lanes") / lane.name)
        for each in (order, lane.with_attempt("a")):
            self.assertEqual(parse_order(json.loads(each.to_text())), each)

    def test_that_make_no_sense(self) -> None:
        good = json.loads((FIXTURES / "order-train.json").read_text())
        for key, value in (
            ("v", 2), ("kind", "dance"), ("storage", "here"), ("storage", "/a/../b"), ("run", "../x"), ("run", ""), ("cell", "a/b"),
            ("cell", 5), ("gpus", -1), ("gpus", True), ("resources", []), ("python", ""),
        ):  # fmt: skip
            with self.subTest(key=key, value=value), self.assertRaises(OrderError):
                parse_order({**good, key: value})

    def test_adapters_by_name(self) -> None:
        storage = copy_storage(self.folder)
        cell = the_cell(storage)
        self.assertIsNone(find_adapter(storage, cell.name))
        files.write_json(cell / "out" / "adapter_config.json", {})
        self.assertIsNone(find_adapter(storage, cell.name), "it is still in training")
        files.write_json(cell / "out" / "done.json", {})
        self.assertEqual(find_adapter(storage, cell.name), cell / "out")
        self.assertIsNone(find_adapter(storage, f"{cell.name}@3"))
        files.write_json(cell / "out" / "kept-3" / "adapter_config.json", {})
        self.assertEqual(find_adapter(storage, f"{cell.name}@3"), cell / "out" / "kept-3")
        self.assertEqual(find_adapter(storage, f"folder:cells/{cell.name}/in/initial"), cell / "in" / "initial")
        for name in ("../x", "a@b", "folder:../x"):
            with self.assertRaises(ValueError):
                find_adapter(storage, name)


class Deliveries(Folder):
    def test_are_unpacked_once(self) -> None:
        storage = self.folder / "new"
        storage.mkdir()
        self.assertEqual(unpack(FIXTURES / "storage", storage), 6)
        self.assertEqual(unpack(FIXTURES / "storage", storage), 0)
        self.assertEqual((the_cell(storage) / "in/job.json").read_bytes(), (the_cell(FIXTURES / "storage") / "in/job.json").read_bytes())

    def test_links_are_refused(self) -> None:
        delivered = self.folder / "deliver"
        delivered.mkdir()
        (delivered / "a").symlink_to("/etc/passwd")
        with self.assertRaises(OrderError):
            unpack(delivered, self.folder)

    def test_storage_is_marked_once(self) -> None:
        mark_storage(self.folder)
        first = (self.folder / "way-back").read_text()
        mark_storage(self.folder)
        self.assertEqual((self.folder / "way-back").read_text(), first)
        self.assertEqual(len(first), 33)

    def test_the_way_back_is_a_link_of_its_own(self) -> None:
        logs = self.folder / "logs"
        logs.mkdir()
        for storage in (Path("/one"), Path("/two"), Path("/one")):
            link_way_back(storage, logs)
        self.assertEqual({str(path.readlink()) for path in logs.iterdir()}, {"/one", "/two"})
        self.assertEqual(way_back_name(Path("/one")), f"driftline-{files.hash_bytes(b'/one')[:8]}")


class Faults(Folder):
    def test_are_classified(self) -> None:
        for error, kind in (
            (MemoryError(), "memory"),
            (RuntimeError("CUDA out of memory. Tried to allocate"), "memory"),
            (OSError(28, "No space left on device"), "disk"),
            (RuntimeError("SafetensorError: I/O error: No space left on device (os error 28)"), "disk"),
            (ModuleNotFoundError("No module named 'trl'"), "software"),
            (ValueError("x"), "other"),
            (Fault("loss", "diverged"), "loss"),
        ):
            self.assertEqual(classify(error).kind, kind, error)
        try:
            try:
                raise OSError(122, "Disk quota exceeded")
            except OSError as inner:
                raise RuntimeError("saving failed") from inner
        except RuntimeError as outer:
            self.assertEqual(classify(outer).kind, "disk")

    def test_hold_no_secrets_and_are_json(self) -> None:
        environment = {"MY_API_KEY": "abcdefgh-secret", "PATH": "/usr/bin", "HF_TOKEN": "hf_tokentokentoken"}
        detail = {"trace": ["abcdefgh-secret", {"a": "Bearer abcdefgh12345678"}], "loss": float("nan"), "path": Path("/x")}
        write_fault(self.folder, Fault("other", "sk-abcdefghijklmnop and hf_tokentokentoken", detail), environment)
        text = (self.folder / "fault.json").read_text()
        for secret in ("abcdefgh", "tokentoken"):
            self.assertNotIn(secret, text)
        self.assertEqual(json.loads(text)["detail"]["loss"], "nan")
        self.assertEqual(redact("nothing here", environment), "nothing here")
        self.assertEqual(set(child_environment(environment)), {"PATH", "HF_TOKEN"})


class Models(Folder):
    def test_are_compared_with_what_driftline_saw(self) -> None:
        storage = copy_storage(self.folder)
        job = files.read_json(the_cell(storage) / "in" / "job.json")
        assert job is not None
        model = job["model"]
        self.assertEqual(find_model(storage, model), storage / "models/organism-1")
        self.assertEqual(len(list((storage / "verified").iterdir())), 1)
        size = (ORGANISM / "model.safetensors").stat().st_size
        self.assertTrue(find_model(storage, {"folder": str(ORGANISM), "weights": {"model.safetensors": size}}))
        for changed, kind in (
            ({"folder": "models/none"}, "model"),
            ({"config_sha256": "0" * 64}, "model"),
            ({"tokenizer_sha256": "0" * 64}, "tokenizer"),
            ({"weights": {"model.safetensors": size + 1}}, "model"),
            ({"weights": {"model.safetensors": "0" * 64}}, "model"),
            ({"weights": {"other.safetensors": 5}}, "model"),
        ):
            with self.subTest(changed), self.assertRaises(Fault) as caught:
                find_model(storage, {**model, **changed})
            self.assertEqual(caught.exception.kind, kind)


if __name__ == "__main__":
    unittest.main()
