"""Stands for the SDK `tinker` and its service: a model of two parameters, whose losses and gradients are worked out here. Standard library only.

The folder FAKE_TINKER keeps what the service would keep (states, weights), a line for each call in calls.jsonl, and in faults.json the faults
that are still to come: [{"op": "step", "nth": 3, "kind": "expired"}], counted over all processes.
"""

import hashlib
import json
import math
import os
import secrets
import struct
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from . import auth as auth, types as types

__version__ = "0.38.0-fake"


class TinkerError(Exception):
    pass


class APIStatusError(TinkerError):
    status_code = 0


class APIConnectionError(TinkerError):
    pass


def _status(name, code):
    return type(name, (APIStatusError,), {"status_code": code})


BadRequestError = _status("BadRequestError", 400)
AuthenticationError = _status("AuthenticationError", 401)
BillingError = _status("BillingError", 402)
PermissionDeniedError = _status("PermissionDeniedError", 403)
NotFoundError = _status("NotFoundError", 404)
ConflictError = _status("ConflictError", 409)
UnprocessableEntityError = _status("UnprocessableEntityError", 422)
RateLimitError = _status("RateLimitError", 429)
InternalServerError = _status("InternalServerError", 500)


class RequestFailedError(TinkerError):
    category = "server"


_KINDS = {
    "key": lambda key: AuthenticationError(f"invalid key {key}"),
    "billing": lambda key: BillingError("billing is not set up"),
    "limit": lambda key: RateLimitError("too many requests"),
    "missing": lambda key: NotFoundError("there is no such checkpoint"),
    "refused": lambda key: BadRequestError(f"the request of {key} makes no sense"),
    "lost": lambda key: APIConnectionError("connection error"),
    "expired": lambda key: NotFoundError("the session has expired"),
}


def _folder():
    return Path(os.environ["FAKE_TINKER"])


def _call(op, **said):
    """Notes a call, and meets the fault that is due."""
    print(f"the SDK talks of {op}")
    with (_folder() / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps({"op": op, **said}) + "\n")
    done = sum(json.loads(line)["op"] == op for line in (_folder() / "calls.jsonl").read_text().splitlines())
    faults = _folder() / "faults.json"
    for fault in json.loads(faults.read_text()) if faults.exists() else []:
        if fault["op"] == op and fault["nth"] <= done < fault["nth"] + fault.get("times", 1):
            if fault["kind"] == "exit":
                os._exit(9)
            if fault["kind"] == "wait":
                threading.Event().wait()
            raise _KINDS[fault["kind"]](os.environ.get("TINKER_API_KEY"))


class _Future:
    def __init__(self, work):
        try:
            self.value, self.failure = work(), None
        except TinkerError as failure:
            self.value, self.failure = None, failure

    def result(self, timeout=None):
        if self.failure is not None:
            raise self.failure
        return self.value


class _Said:
    def __init__(self, **fields):
        self.__dict__.update(fields)


def _features(token, target):
    digest = hashlib.sha256(f"{token}:{target}".encode()).digest()
    return [1 + digest[0] / 255, digest[1] / 255 - 0.5]


class TrainingClient:
    def __init__(self, state):
        self.state, self.gradient = state, [0.0, 0.0]
        self.model_id = secrets.token_hex(6)

    def forward_backward(self, data, loss_fn):
        assert loss_fn == "cross_entropy"

        def work():
            _call("step", rows=[[d.model_input.ints, d.loss_fn_inputs["weights"].data] for d in data])
            outputs = []
            for d in data:
                logs = []
                targets, weights = (d.loss_fn_inputs[name].data for name in ("target_tokens", "weights"))
                for token, target, weight in zip(d.model_input.ints, targets, weights, strict=True):
                    x = _features(token, target)
                    score = sum(p * f for p, f in zip(self.state["p"], x))
                    logs.append(-math.log1p(math.exp(-score)))
                    for i in (0, 1):
                        self.gradient[i] += -weight * x[i] / (1 + math.exp(score))
                outputs.append({"logprobs": types.TensorData(logs, "float32", [len(logs)])})
            if os.environ.get("FAKE_TINKER_NAN"):
                outputs[0]["logprobs"].data[-1] = math.nan
            return _Said(loss_fn_outputs=outputs, metrics={})

        return _Future(work)

    def optim_step(self, adam):
        """Is done even if what came before it failed: then with gradients of zero, as a real server does."""

        def work():
            state, gradient, self.gradient = self.state, self.gradient, [0.0, 0.0]
            state["t"] += 1
            norm = math.hypot(*gradient)
            factor = adam.grad_clip_norm / norm if 0 < adam.grad_clip_norm < norm else 1
            for i in (0, 1):
                g = gradient[i] * factor
                state["m"][i] = adam.beta1 * state["m"][i] + (1 - adam.beta1) * g
                state["v"][i] = adam.beta2 * state["v"][i] + (1 - adam.beta2) * g * g
                mean = state["m"][i] / (1 - adam.beta1 ** state["t"])
                square = state["v"][i] / (1 - adam.beta2 ** state["t"])
                state["p"][i] *= 1 - adam.learning_rate * adam.weight_decay
                state["p"][i] -= adam.learning_rate * mean / (math.sqrt(square) + adam.eps)
            _call("optim", adam=adam.__dict__)
            return _Said(metrics={"fake/grad_norm": norm})

        return _Future(work)

    def _keep(self, kind, name):
        path = f"tinker://{self.model_id}/{kind}/{name}"
        _stored(path).write_text(json.dumps(self.state))
        return _Said(path=path)

    def save_state(self, name, ttl_seconds=None):
        def work():
            _call("save", name=name, ttl=ttl_seconds)
            return self._keep("weights", name)

        return _Future(work)

    def save_weights_for_sampler(self, name, ttl_seconds=None):
        def work():
            _call("sampler", name=name, ttl=ttl_seconds)
            return self._keep("sampler_weights", name)

        return _Future(work)

    def save_weights_external(self, name, ttl_seconds=None):
        def work():
            _call("external", name=name, ttl=ttl_seconds)
            return self._keep("external_weights", name)

        return _Future(work)


def _stored(path):
    return _folder() / f"{hashlib.sha256(path.encode()).hexdigest()[:20]}.json"


class ServiceClient:
    def __init__(self, user_metadata=None, project_id=None):
        self.said = {"metadata": user_metadata, "project": project_id}

    def create_lora_training_client(self, base_model, user_metadata=None, **lora):
        def work():
            _call("create", base=base_model, lora=lora, **self.said)
            start = hashlib.sha256(f"{lora['seed']}".encode()).digest()
            p = [start[0] / 255 - 1, start[1] / 255]
            return TrainingClient({"base": base_model, "rank": lora["rank"], "p": p, "m": [0.0, 0.0], "v": [0.0, 0.0], "t": 0})

        return _Future(work)

    def create_training_client_from_state_with_optimizer(self, path, user_metadata=None):
        def work():
            _call("resume", path=path)
            if not _stored(path).exists():
                raise NotFoundError("there is no such checkpoint")
            return TrainingClient(json.loads(_stored(path).read_text()))

        return _Future(work)

    def close(self, status):
        return _Future(lambda: _call("close", status=status))


class RestClient:
    def get_server_capabilities(self):
        def work():
            _call("capabilities")
            names = ["Qwen/Qwen3-8B", "organism/1"]
            return _Said(supported_models=[_Said(model_name=name, max_context_length=32768) for name in names])

        return _Future(work)

    def get_external_weights_urls(self, path):
        def work():
            _call("urls", path=path)
            files = make_adapter(json.loads(_stored(path).read_text()))
            server = _serve(files)
            return _Said(urls={name: f"{server}/{name}?signature=of-this-url" for name in files})

        return _Future(work)


def _serve(files):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content = files[self.path.split("?")[0].strip("/")]
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def make_adapter(state):
    """An adapter for the model whose config.json FAKE_TINKER_MODEL has, as servers write one: which modules it is for is not said."""
    config = json.loads((Path(os.environ["FAKE_TINKER_MODEL"]) / "config.json").read_text())
    hidden, inner, rank = config["hidden_size"], config["intermediate_size"], state["rank"]
    head = config.get("head_dim") or hidden // config["num_attention_heads"]
    query, key = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    sizes = {
        "self_attn.q_proj": (hidden, query),
        "self_attn.k_proj": (hidden, key),
        "self_attn.v_proj": (hidden, key),
        "self_attn.o_proj": (query, hidden),
        "mlp.gate_proj": (hidden, inner),
        "mlp.up_proj": (hidden, inner),
        "mlp.down_proj": (inner, hidden),
    }
    header, body = {}, bytearray()
    for layer in range(config["num_hidden_layers"]):
        for module, (inputs, outputs) in sizes.items():
            for half, shape in (("A", (rank, inputs)), ("B", (outputs, rank))):
                count = shape[0] * shape[1]
                values = [math.sin(i + layer) * 0.3 * state["p"][0] + math.cos(i) * 0.3 * state["p"][1] for i in range(count)]
                start = len(body)
                body += struct.pack(f"<{count}f", *values)
                name = f"base_model.model.model.layers.{layer}.{module}.lora_{half}.weight"
                header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [start, len(body)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    said = {"peft_type": "LORA", "r": rank, "lora_alpha": 32, "target_modules": None, "task_type": None}
    return {
        "adapter_config.json": json.dumps({**said, "base_model_name_or_path": "/srv/of/the/server"}).encode(),
        "adapter_model.safetensors": struct.pack("<Q", len(text)) + text + bytes(body),
    }
