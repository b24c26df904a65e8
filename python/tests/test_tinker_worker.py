from __future__ import annotations

import io
import os
import tarfile
import tempfile
import threading
import unittest
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from unittest import mock

import tinker_worker

KEY = "tml-planted-0123456789"


class Server:
    """Answers each path with bytes, or sends one on to another address."""

    def __init__(self, answers: Mapping[str, bytes | str]) -> None:
        seen: list[tuple[str, str | None]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append((self.path, self.headers.get("X-API-Key")))
                answer = answers.get(self.path)
                if answer is None:
                    self.send_error(404)
                elif isinstance(answer, str):
                    self.send_response(302)
                    self.send_header("location", answer)
                    self.end_headers()
                else:
                    self.send_response(200)
                    self.send_header("content-length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.seen = seen
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def pack(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


WHOLE = {"adapter_config.json": b"{}", "adapter_model.safetensors": b"weights", "../evil.sh": b"echo"}
ARCHIVE = "/api/v1/training_runs/model_1/checkpoints/final/archive"


class FetchedAdapters(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name) / "cell"
        self.folder.mkdir()

    def serve(self, answers: Mapping[str, bytes | str]) -> Server:
        server = Server(answers)
        self.addCleanup(server.close)
        return server

    def fetch(self, server: Server) -> None:
        with mock.patch.dict(os.environ, {"TINKER_BASE_URL": server.address, "TINKER_API_KEY": KEY}):
            tinker_worker.fetch_archive("tinker://model_1/sampler_weights/final", self.folder)

    def test_come_out_of_an_archive_and_nothing_else_does(self) -> None:
        self.fetch(self.serve({ARCHIVE: pack(WHOLE)}))
        self.assertEqual(sorted(file.name for file in self.folder.iterdir()), sorted(tinker_worker.ADAPTER_FILES))
        self.assertEqual((self.folder / "adapter_model.safetensors").read_bytes(), b"weights")
        self.assertEqual([path.name for path in self.folder.parent.iterdir()], ["cell"])

    def test_have_the_key_at_their_own_server_alone(self) -> None:
        store = self.serve({"/signed": pack(WHOLE)})
        server = self.serve({ARCHIVE: f"{store.address}/signed"})
        self.fetch(server)
        self.assertEqual(server.seen, [(ARCHIVE, KEY)])
        self.assertEqual(store.seen, [("/signed", None)])

    def test_are_missed_where_an_archive_lacks_one(self) -> None:
        with self.assertRaisesRegex(ValueError, "has no adapter_model.safetensors"):
            self.fetch(self.serve({ARCHIVE: pack({"adapter_config.json": b"{}"})}))

    def test_are_not_read_from_the_disk(self) -> None:
        with self.assertRaisesRegex(ValueError, "neither http nor https"):
            tinker_worker.open_url("file:///etc/passwd")

    def test_come_back_in_the_way_that_the_server_has(self) -> None:
        for routes, way in (
            (b'{"paths": {"/api/v1/training_runs/{run}/checkpoints/{name}/archive": {}}}', "archive"),
            (b'{"paths": {"/x/archive": {}, "/api/v1/external_weights_urls": {}}}', "external"),
            (None, "external"),
        ):
            server = self.serve({} if routes is None else {"/openapi.json": routes})
            with mock.patch.dict(os.environ, {"TINKER_BASE_URL": server.address}):
                self.assertEqual(tinker_worker.find_way_back(), way)


if __name__ == "__main__":
    unittest.main()
