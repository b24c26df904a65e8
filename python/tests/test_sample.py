from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from driftline_jobs import files
from driftline_jobs.faults import EXIT_FAULT, Fault
from driftline_jobs.sample import split_seeds
from driftline_jobs.vllm_server import has_accelerator, largest_rank, server_arguments

from .fixtures import copy_storage, the_cell, the_lane
from .test_files import PACKAGE, Folder

SECRETS = {"RAY_AUTH_TOKEN": "planted-ray-token", "OPENAI_API_KEY": "planted-openai-key", "TINKER_API_KEY": "planted-tinker-key"}


class Lanes(Folder):
    def setUp(self) -> None:
        super().setUp()
        self.storage = copy_storage(self.folder)
        self.lane = the_lane(self.storage)
        self.notes = self.folder / "notes"
        self.python = self.folder / "fake-python"
        self.python.write_text(f'#!/bin/sh\nshift 3\nexec {sys.executable} {Path(__file__).with_name("fake_vllm.py")} "$@"\n')
        self.python.chmod(self.python.stat().st_mode | stat.S_IXUSR)
        self.set_lane(linger=0.5)
        self.train_cell()

    def set_lane(self, **settings: Any) -> None:
        lane = files.read_json(self.lane / "lane.json")
        assert lane is not None
        files.write_json(self.lane / "lane.json", {**lane, **settings})

    def train_cell(self, rank: int = 2) -> None:
        self.cell = the_cell(self.storage)
        files.write_json(self.cell / "out" / "adapter_config.json", {"r": rank})
        files.write_json(self.cell / "out" / "done.json", {"v": 1})

    def start(self, **environment: str) -> subprocess.Popen[str]:
        order = {"v": 1, "kind": "lane", "storage": str(self.storage), "run": "fixture", "lane": self.lane.name}
        text = json.dumps({**order, "vllm_python": str(self.python)})
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "driftline_jobs.sample", text],
            env={**os.environ, "PYTHONPATH": str(PACKAGE), "FAKE_VLLM_NOTES": str(self.notes), **SECRETS, **environment},
            stderr=subprocess.PIPE,
            text=True,
        )

    def run_lane(self, expected: int = 0, **environment: str) -> None:
        child = self.start(**environment)
        _, errors = child.communicate(timeout=300)
        self.assertEqual(child.returncode, expected, errors)

    def answers(self) -> list[files.Json]:
        return [answer for path in sorted(self.lane.glob("answers-*.jsonl")) for answer in files.mend_lines(path)]

    def noted(self, what: str) -> list[Any]:
        lines = [json.loads(line) for line in self.notes.read_text().splitlines()] if self.notes.exists() else []
        return [line[what] for line in lines if what in line]

    def ask(self, wave: str, *groups: files.Json) -> list[files.Json]:
        known: files.Json = {"adapter": None, "prompt": [1, 2], "temperature": 1, "top_p": 1, "max_tokens": 60, "stop": [3], "top": 0}
        made: list[files.Json] = []
        for group in groups:
            seeds = group.pop("seeds")
            settings = {**known, **group}
            made.append({"q": files.hash_json(settings)[:16], **settings, "seeds": seeds})
        files.write_closed_lines(self.lane / "requests" / f"{wave}.jsonl.gz", made)
        return made

    def test_every_wanted_answer_once(self) -> None:
        self.run_lane()
        answers = self.answers()
        self.assertEqual(len(answers), 20)
        self.assertEqual(len({files.answer_key(answer) for answer in answers}), 20)
        for answer in answers:
            self.assertRegex(str(answer["text"]), f" {answer['seed']}$")
            self.assertEqual((answer["finish"], answer["tokens"]), ("stop", 1))
        self.assertEqual(len(self.noted("load")), 1)
        state = files.read_json(self.lane / "state.json")
        assert state is not None
        self.assertEqual((state["serving"], state["grouped"], state["waiting"]), (None, True, []))
        self.assertEqual([path.name for path in (self.storage / "runs/fixture/progress").iterdir()], [f"s-{self.lane.name}@20"])
        self.run_lane()
        self.assertEqual(len(self.noted("started")), 1, "nothing is left to ask, so no vLLM is started")

    def test_the_server_is_ours_alone(self) -> None:
        self.run_lane()
        (about,) = self.noted("environment")
        (arguments,) = self.noted("started")
        self.assertEqual(arguments[arguments.index("--host") + 1], "127.0.0.1")
        self.assertGreaterEqual(len(about["VLLM_API_KEY"]), 40)
        self.assertNotIn(about["VLLM_API_KEY"], " ".join(arguments))
        self.assertEqual([name for name in SECRETS if name in about], [])
        self.assertNotIn("PYTHONPATH", about)
        secrets = [*SECRETS.values(), about["VLLM_API_KEY"]]
        for path in self.storage.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                self.assertEqual([secret for secret in secrets if secret.encode() in content], [], path)

    def test_deaths_lose_and_repeat_nothing(self) -> None:
        self.ask("b", {"seeds": [[0, 300]]})
        servers: list[int] = []
        for wanted in (10, 100, 200):
            child = self.start(FAKE_VLLM_SLEEP="0.05")
            while len(self.answers()) < wanted and child.poll() is None:
                time.sleep(0.02)
            child.send_signal(signal.SIGKILL)
            child.communicate()
            servers += [self.noted("pid")[-1], self.noted("helper")[-1]]
        self.run_lane()
        keys = [files.answer_key(answer) for answer in self.answers()]
        self.assertEqual((len(keys), len(set(keys))), (320, 320))
        self.assertTrue(_ended([*servers, self.noted("helper")[-1]]), "vLLM dies with its asker, and so does what it started")

    def test_a_damaged_line_is_asked_again(self) -> None:
        self.run_lane()
        path = self.lane / "answers-00000.jsonl"
        path.write_text(path.read_text().replace('"seed":3', '"seed":4', 1))
        self.run_lane()
        self.assertEqual(len({files.answer_key(answer) for answer in self.answers()}), 20)

    def test_likeliest_answers_and_tokens(self) -> None:
        self.ask("b", {"temperature": 0, "top": 2, "seeds": [[5, 3]]})
        self.run_lane()
        found = [answer for answer in self.answers() if "top" in answer]
        self.assertEqual([answer["seed"] for answer in found], [5, 6, 7])
        self.assertEqual({answer["text"] for answer in found}, {"base 5"})
        self.assertEqual(found[0]["top"], [[5, -0.5], [7, -2.5]])
        self.assertEqual(sum(body["temperature"] == 0 for body in self.noted("asked")), 1)

    def test_prompts_that_fill_the_context(self) -> None:
        self.ask("b", {"prompt": [1] * 90, "seeds": [[0, 2]]}, {"prompt": [1] * 100, "seeds": [[0, 2]]})
        self.run_lane()
        finishes = sorted(answer["finish"] for answer in self.answers() if len(self.answers()) == 24)
        self.assertEqual((finishes.count("refused"), finishes.count("stop")), (2, 22))

    def test_without_seeds_that_count_each_answer_is_asked_alone(self) -> None:
        self.run_lane(FAKE_VLLM_SEEDS="alike")
        self.assertEqual(len(self.answers()), 20)
        self.assertEqual({body["n"] for body in self.noted("asked") if body["prompt"] != [1, 2, 3]}, {1})

    def test_half_a_wave_is_none_and_a_withdrawn_one_neither(self) -> None:
        wave = next((self.lane / "requests").iterdir())
        whole = wave.read_bytes()
        wave.write_bytes(whole[:-20])
        self.run_lane()
        self.assertEqual(self.answers(), [])
        wave.write_bytes(whole)
        (self.lane / "withdraw").mkdir()
        withdrawn = self.lane / "withdraw" / wave.name.removesuffix(".jsonl.gz")
        withdrawn.touch()
        self.run_lane()
        self.assertEqual(self.answers(), [])
        withdrawn.unlink()
        self.run_lane()
        self.assertEqual(len(self.answers()), 20)

    def test_what_comes_while_it_lingers_meets_the_same_server(self) -> None:
        self.set_lane(linger=20)
        (self.cell / "out" / "done.json").unlink()
        child = self.start()
        while len(self.answers()) < 10:
            self.assertIsNone(child.poll())
            time.sleep(0.05)
        self.assertEqual((files.read_json(self.lane / "state.json") or {})["waiting"], [self.cell.name])
        self.set_lane(linger=0.5)
        files.write_json(self.cell / "out" / "done.json", {"v": 1})
        self.ask("b", {"seeds": [[0, 7]]})
        while len(self.answers()) < 27:
            self.assertIsNone(child.poll())
            time.sleep(0.05)
        child.kill()
        child.communicate()
        self.assertEqual(len(self.noted("started")), 1)

    def test_a_larger_rank_gets_another_server(self) -> None:
        self.train_cell(rank=100)
        self.set_lane(max_rank=8)
        self.run_lane()
        (arguments,) = self.noted("started")
        self.assertEqual(arguments[arguments.index("--max-lora-rank") + 1], "128")

    def test_why_it_does_not_start(self) -> None:
        for text, kind in (
            ("torch.OutOfMemoryError: CUDA out of memory.", "memory"),
            ("ModuleNotFoundError: No module named 'vllm'", "software"),
            ("OSError: [Errno 28] No space left on device", "disk"),
            ("RuntimeError: something else planted-openai-key", "other"),
        ):
            self.run_lane(EXIT_FAULT, FAKE_VLLM_FAILS=text)
            fault = files.read_json(self.lane / "fault.json")
            assert fault is not None
            self.assertEqual(fault["kind"], kind)
            self.assertNotIn("planted", json.dumps(fault))
            (self.lane / "fault.json").unlink()

    def test_another_model_is_a_fault(self) -> None:
        lane = files.read_json(self.lane / "lane.json")
        assert lane is not None
        for key, kind in (("config_sha256", "model"), ("tokenizer_sha256", "tokenizer")):
            self.set_lane(model={**lane["model"], key: "0" * 64})
            self.run_lane(EXIT_FAULT)
            self.assertEqual((files.read_json(self.lane / "fault.json") or {})["kind"], kind)
            # A new job begins by removing it.
            (self.lane / "fault.json").unlink()


class Pure(Folder):
    def test_seeds_are_split_into_runs(self) -> None:
        group: files.Json = {"q": "a", "temperature": 1, "seeds": [[0, 20], [18, 4], [100, 1]]}
        self.assertEqual([unit.seeds for unit in split_seeds(group, set())], [tuple(range(16)), tuple(range(16, 22)), (100,)])
        known = {"a:0", "a:5", "a:100"}
        self.assertEqual([unit.seeds for unit in split_seeds(group, known, 8)], [(1, 2, 3, 4), tuple(range(6, 14)), tuple(range(14, 22))])
        self.assertEqual([unit.seeds for unit in split_seeds({**group, "temperature": 0}, {"a:1"}, 4)], [(0, *range(2, 22), 100)])

    def test_arguments_of_the_server(self) -> None:
        lane: files.Json = {"dtype": "bfloat16", "max_length": 4096, "quantization": "nf4", "vllm_arguments": ["--enforce-eager"]}
        arguments = server_arguments(lane, Path("/m"), 5, 64, 4)
        for name, value in (("--max-model-len", "4096"), ("--quantization", "bitsandbytes"), ("--tensor-parallel-size", "4")):
            self.assertEqual(arguments[arguments.index(name) + 1], value)
        self.assertEqual(arguments[-1], "--enforce-eager")
        for given in ("--host=0.0.0.0", "--port", "--api-key=x"):
            with self.assertRaises(Fault):
                server_arguments({**lane, "vllm_arguments": [given]}, Path("/m"), 5, 64, 1)
        self.assertNotIn("--no-enable-chunked-prefill", arguments)
        slow = server_arguments({**lane, "vllm_arguments": []}, Path("/m"), 5, 64, 1, accelerated=False)
        self.assertIn("--no-enable-chunked-prefill", slow)
        chosen = {**lane, "vllm_arguments": ["--enable-chunked-prefill"]}
        self.assertNotIn("--no-enable-chunked-prefill", server_arguments(chosen, Path("/m"), 5, 64, 1, accelerated=False))
        self.assertFalse(has_accelerator([str(self.folder / "no-device")]))
        self.assertTrue(has_accelerator([str(self.folder)]))
        self.assertEqual([largest_rank(rank) for rank in (1, 8, 9, 300)], [8, 8, 16, 320])
        with self.assertRaises(Fault):
            largest_rank(1000)


def _ended(pids: list[int], patience: float = 60) -> bool:
    until = time.monotonic() + patience
    while any(_runs(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.1)
    return not any(_runs(pid) for pid in pids)


def _runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
