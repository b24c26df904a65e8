from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile
from pathlib import Path

from driftline_jobs import files

from .fixtures import FIXTURES, copy_storage, the_cell, the_lane

PACKAGE = Path(__file__).resolve().parents[1]


class Folder(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)


class CanonicalJson(unittest.TestCase):
    def test_agrees_with_driftline(self) -> None:
        for vector in json.loads((FIXTURES / "canonical-json.json").read_text()):
            with self.subTest(vector["json"]):
                value = json.loads(vector["json"])
                self.assertEqual(files.canonical_json(value), vector["canonical"])
                self.assertEqual(files.hash_json(value), vector["hash"])

    def test_refuses_what_json_cannot_hold(self) -> None:
        for value in (float("nan"), float("inf"), b"bytes", {1: "a"}, {"a": {1, 2}}, object()):
            with self.subTest(value), self.assertRaises((TypeError, ValueError)):
                files.canonical_json(value)


class Lines(Folder):
    def test_agree_with_driftline(self) -> None:
        for vector in json.loads((FIXTURES / "lines.json").read_text()):
            with self.subTest(vector["line"]):
                self.assertEqual(files.read_line(vector["line"]) is not None, vector["sound"])

    def test_come_back(self) -> None:
        for value in ({"a": 0.1 + 0.2, "b": "é\ud800"}, {}, {"check": "x", "n": [1e-9, None, True]}):
            read = files.read_line(files.write_line(value))
            self.assertEqual(read, {key: part for key, part in value.items() if key != "check"})

    def test_closed_lines_are_whole_or_absent(self) -> None:
        path = self.folder / "rows.jsonl.gz"
        values: list[files.Json] = [{"ids": [1, 2], "train": [0, 1]}, {"ids": [3], "train": [0]}]
        files.write_closed_lines(path, values)
        self.assertEqual(files.read_closed_lines(path), values)
        whole = path.read_bytes()
        for size in range(0, len(whole) - 1, 7):
            path.write_bytes(whole[:size])
            self.assertIsNone(files.read_closed_lines(path), size)
        damaged = bytearray(whole)
        damaged[20] ^= 255
        path.write_bytes(damaged)
        self.assertIsNone(files.read_closed_lines(path))
        lines = gzip.decompress(whole).splitlines(keepends=True)
        path.write_bytes(gzip.compress(b"".join(lines[1:])))
        self.assertIsNone(files.read_closed_lines(path))
        path.unlink()
        self.assertIsNone(files.read_closed_lines(path))

    def test_closed_lines_of_driftline(self) -> None:
        storage = copy_storage(self.folder)
        rows = files.read_closed_lines(the_cell(storage) / "in" / "rows.jsonl.gz")
        assert rows is not None
        self.assertEqual(len(rows), 24)
        self.assertEqual(sum(row == {"ids": [0, 0], "train": [0, 0]} for row in rows), 2)
        (wave,) = (the_lane(storage) / "requests").iterdir()
        groups = files.read_closed_lines(wave)
        assert groups is not None
        for group in groups:
            rest = {key: value for key, value in group.items() if key not in ("q", "seeds")}
            self.assertEqual(files.hash_json(rest)[:16], group["q"])

    def test_a_half_written_end_is_cut_off(self) -> None:
        path = self.folder / "answers-00000.jsonl"
        line = files.write_line({"q": "a", "seed": 1})
        path.write_text(line + line.replace('"seed":1', '"seed":2') + line[:-5])
        self.assertEqual(files.mend_lines(path), [{"q": "a", "seed": 1}])
        self.assertEqual(path.read_text().count("\n"), 2)


class WholeFiles(Folder):
    def test_a_file_is_replaced_at_once(self) -> None:
        path = self.folder / "deep" / "done.json"
        files.write_json(path, {"v": 1})
        files.write_json(path, {"v": 2})
        self.assertEqual(files.read_json(path), {"v": 2})
        self.assertEqual(os.listdir(path.parent), ["done.json"])

    def test_nan_is_not_written(self) -> None:
        with self.assertRaises(ValueError):
            files.write_json(self.folder / "done.json", {"loss": float("nan")})
        self.assertEqual(os.listdir(self.folder), [])

    def test_names_that_lead_out_are_refused(self) -> None:
        for name in ("", "/etc/passwd", "../a", "a/../../b", "a\\b", "a\0b"):
            with self.subTest(name), self.assertRaises(ValueError):
                files.require_inside(self.folder, name)

    def test_archives_are_stored_and_repeat(self) -> None:
        source = self.folder / "a"
        source.write_bytes(b"aaaa" * 1000)
        for name in ("one.zip", "two.zip"):
            files.pack_files(self.folder / name, {"b/a": source, "a": source})
        one = (self.folder / "one.zip").read_bytes()
        self.assertEqual(one, (self.folder / "two.zip").read_bytes())
        with zipfile.ZipFile(self.folder / "one.zip") as archive:
            self.assertEqual(archive.namelist(), ["a", "b/a"])
            self.assertEqual({entry.compress_type for entry in archive.infolist()}, {zipfile.ZIP_STORED})
            self.assertEqual(archive.read("b/a"), source.read_bytes())


class Progress(Folder):
    def test_is_one_file_that_is_renamed(self) -> None:
        for state in ("waiting", files.step_state(5, 1.23456), files.step_state(12345, 0.5), "done"):
            files.show_progress(self.folder, "t-ab", state)
            files.show_progress(self.folder, "t-ab", state)
            files.show_progress(self.folder, "s-ab", "0")
            self.assertEqual(sorted(os.listdir(self.folder)), ["s-ab@0", f"t-ab@{state}"])
        self.assertEqual(files.step_state(5, 1.23456), "0005@1.2346")


class Owners(Folder):
    def test_the_later_attempt_owns_the_work(self) -> None:
        path = self.folder / "owner.json"
        first, idle = files.Owner.claim(path, "job", "node", 0, 1)
        self.assertEqual(idle, 0)
        first.require()
        second, idle = files.Owner.claim(path, "job", "node", 0, 1)
        self.assertEqual(idle, 1)
        second.require()
        with self.assertRaises(files.OwnerChanged):
            first.require()

    def test_attempts_without_progress_are_counted_within_a_job(self) -> None:
        path = self.folder / "owner.json"
        idle = [
            files.Owner.claim(path, job, "node", progress, 1)[1]
            for job, progress in (("a", 0), ("a", 0), ("a", 0), ("a", 50), ("a", 50), ("b", 50))
        ]
        self.assertEqual(idle, [0, 1, 2, 0, 1, 0])

    def test_time_on_gpus_adds_up(self) -> None:
        path = self.folder / "owner.json"
        begun = time.time() - 1000
        files.Owner.claim(path, "job", "node", 0, 2, clock=lambda: begun)
        os.utime(path, (begun + 100, begun + 100))
        owner, _ = files.Owner.claim(path, "job", "node", 0, 2, clock=lambda: begun + 500)
        self.assertAlmostEqual(owner.gpu_seconds(clock=lambda: begun + 550), 2 * 100 + 2 * 50, places=2)


class Answers(Folder):
    def test_are_kept_once_in_files_of_1000(self) -> None:
        store = files.AnswerFiles(self.folder)
        answers = [{"q": "a", "seed": seed, "text": "x"} for seed in range(2345)]
        self.assertEqual(store.append(answers[:700]), 700)
        self.assertEqual(store.append(answers), 1645)
        self.assertEqual([path.name for path in store.segments()], [f"answers-{n:05d}.jsonl" for n in range(3)])
        last = self.folder / "answers-00002.jsonl"
        last.write_bytes(last.read_bytes()[:-10])
        again = files.AnswerFiles(self.folder)
        self.assertEqual(len(again.keys), 2344)
        self.assertEqual(again.append(answers), 1)
        lines = [files.mend_lines(path) for path in again.segments()]
        self.assertEqual([len(part) for part in lines], [1000, 1000, 345])
        self.assertEqual(sorted(int(line["seed"]) for part in lines for line in part), list(range(2345)))

    def test_survive_a_writer_that_is_killed(self) -> None:
        program = (
            "import sys; from pathlib import Path; from driftline_jobs.files import AnswerFiles\n"
            "store = AnswerFiles(Path(sys.argv[1]))\n"
            "for seed in range(4000): store.append([{'q': 'a', 'seed': seed, 'text': 'x' * 200}])\n"
        )
        for delay in (0.3, 0.5, 0.2):
            child = subprocess.Popen([sys.executable, "-c", program, str(self.folder)], cwd=PACKAGE)
            time.sleep(delay)
            child.send_signal(signal.SIGKILL)
            child.wait()
        subprocess.run([sys.executable, "-c", program, str(self.folder)], cwd=PACKAGE, check=True)
        store = files.AnswerFiles(self.folder)
        lines = [line for path in store.segments() for line in files.mend_lines(path)]
        self.assertEqual(sorted(int(line["seed"]) for line in lines), list(range(4000)))


if __name__ == "__main__":
    unittest.main()
