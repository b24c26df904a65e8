"""A stand-in for vLLM's server, run as if it were its interpreter: the same requests, answers from the prompt and the seed alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CONTEXT = 100
LORAS: dict[str, str] = {}
LOCK = threading.Lock()


def argument(name: str, default: str = "") -> str:
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, value: object) -> None:
        body = (value if isinstance(value, str) else json.dumps(value)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def allowed(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {os.environ['VLLM_API_KEY']}"

    def do_GET(self) -> None:
        if self.path == "/health":
            self.answer(200, "")
        elif self.path == "/version":
            self.answer(200, {"version": "0.0.fake"})
        elif not self.allowed():
            self.answer(401, {"error": "Unauthorized"})
        else:
            self.answer(200, {"data": [{"id": "base", "max_model_len": CONTEXT}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.allowed():
            self.answer(401, {"error": "Unauthorized"})
        elif self.path == "/v1/load_lora_adapter":
            with LOCK:
                if body["lora_name"] in LORAS:
                    self.answer(400, {"error": "has already been loaded"})
                    return
                LORAS[body["lora_name"]] = body["lora_path"]
            self.note({"load": body["lora_name"]})
            self.answer(200, "Success")
        elif self.path == "/v1/unload_lora_adapter":
            with LOCK:
                del LORAS[body["lora_name"]]
            self.note({"unload": body["lora_name"]})
            self.answer(200, "Success")
        elif body["model"] != "base" and body["model"] not in LORAS:
            self.answer(404, {"error": "no such model"})
        elif len(body["prompt"]) + body["max_tokens"] > CONTEXT:
            self.answer(400, {"error": "maximum context length"})
        else:
            time.sleep(float(os.environ.get("FAKE_VLLM_SLEEP", "0")))
            self.note({"asked": body})
            self.answer(200, {"choices": [self.choice(body, index) for index in range(body["n"])]})

    @staticmethod
    def choice(body: Any, index: int) -> Any:
        grouped = os.environ.get("FAKE_VLLM_SEEDS") != "alike"
        seed = body["seed"] + (index if grouped else 0)
        ids = [(sum(body["prompt"]) + seed) % 50 + 10, *body.get("stop_token_ids", [])[:1]]
        choice = {
            "index": index,
            "text": f"{body['model']} {seed}",
            "token_ids": ids,
            "finish_reason": "stop" if len(ids) > 1 else "length",
        }
        if "logprobs" in body:
            choice["logprobs"] = {"top_logprobs": [{"token_id:7": -2.5, "token_id:5": -0.5, "token_id:9": -3.5}, {}]}
        return choice

    @staticmethod
    def note(value: object) -> None:
        with LOCK, Path(os.environ["FAKE_VLLM_NOTES"]).open("a") as file:
            file.write(json.dumps(value) + "\n")


def main() -> None:
    if os.environ.get("FAKE_VLLM_FAILS"):
        print(os.environ["FAKE_VLLM_FAILS"], file=sys.stderr)
        sys.exit(1)
    helper = subprocess.Popen(["sleep", "600"])
    Handler.note({"helper": helper.pid})
    Handler.note({"started": sys.argv[1:], "pid": os.getpid(), "environment": dict(os.environ)})
    ThreadingHTTPServer((argument("--host"), int(argument("--port"))), Handler).serve_forever()


if __name__ == "__main__":
    main()
