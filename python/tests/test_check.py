"""What a check asks of interpreters and of models, without Ray."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from driftline_jobs.check import ask_for_models, ask_interpreter
from driftline_jobs.order import OrderError, parse_order


class CheckTest(unittest.TestCase):
    def test_an_interpreter_says_what_it_is(self) -> None:
        with mock.patch.dict(os.environ, {"RAY_AUTH_TOKEN": "planted-token-0123", "CUDA_VISIBLE_DEVICES": ""}):
            found = ask_interpreter(sys.executable)
        self.assertEqual(found["python"], sys.version.split()[0])
        self.assertNotIn("error", found)
        self.assertNotIn("planted", json.dumps(found))

    def test_one_that_is_not_there_is_no_crash(self) -> None:
        self.assertEqual(ask_interpreter("/no/python"), {"asked": "/no/python", "error": "not found"})
        self.assertEqual(ask_for_models("/no/python", {"a": {"hub": "b"}}), {"a": {"there": False, "error": "not found"}})

    def test_what_fails_is_told_without_secrets(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "python"
            script.write_text("#!/bin/sh\necho no planted-token-0123 >&2\nexit 1\n")
            script.chmod(0o755)
            with mock.patch.dict(os.environ, {"RAY_AUTH_TOKEN": "planted-token-0123"}):
                found = ask_interpreter(str(script))
        self.assertIn("error", found)
        self.assertNotIn("planted", found["error"])

    def test_folders_of_models_are_looked_for(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "config.json").write_text("{}")
            found = ask_for_models(sys.executable, {"here": {"folder": folder}, "gone": {"folder": f"{folder}/none"}})
        self.assertEqual(found, {"here": {"there": True}, "gone": {"there": False}})

    def test_an_order_keeps_its_models(self) -> None:
        value = {"v": 1, "kind": "check", "storage": "/s", "run": "r", "nonce": "n", "models": {"a": {"hub": "b"}}}
        self.assertEqual(parse_order(json.loads(parse_order(value).to_text())).models, {"a": {"hub": "b"}})
        with self.assertRaises(OrderError):
            parse_order({**value, "models": ["a"]})


if __name__ == "__main__":
    unittest.main()
