"""Inspect AI as a client of the hosted benchmark: the same question to the same server, as an evaluation of so many samples.

Reads one JSON line and answers with one, as bench/hosted-client.ts does. The clock starts when the answers of the warm-up are there.
"""

import json
import os
import sys
import tempfile
import time


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(endpoint: str, warmUp: int, answers: int, connections: int, task: str) -> dict:
    os.environ["BENCH_BASE_URL"] = endpoint
    os.environ["BENCH_API_KEY"] = "none"
    os.environ["INSPECT_DISPLAY"] = "none"
    from inspect_ai import Task, eval
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.solver import generate, solver

    state = {"done": 0, "start": 0.0, "used": 0.0, "end": 0.0, "spent": 0.0}
    memory: list[dict] = []

    @solver
    def count():
        async def solve(sample, _generate):
            if sample.output.completion != "Yes.":
                raise ValueError(sample.output.completion)
            state["done"] += 1
            done = state["done"] - warmUp
            if done == 0:
                state["start"], state["used"] = time.perf_counter(), time.process_time()
            if len(memory) < 4 and done > 0 and done >= answers * (len(memory) + 1) / 4:
                memory.append({"answers": done, "residentBytes": resident_bytes()})
            if done == answers:
                state["end"], state["spent"] = time.perf_counter(), time.process_time()
            return sample

        return solve

    dataset = MemoryDataset([Sample(input="Would you do it?") for _ in range(warmUp + answers)])
    with tempfile.TemporaryDirectory() as logs:
        # Standard output is for the answer.
        stdout, sys.stdout = sys.stdout, sys.stderr
        [log] = eval(
            Task(dataset=dataset, solver=[generate(), count()]),
            model="openai-api/bench/bench",
            display="none",
            log_dir=logs,
            log_level="error",
            max_connections=connections,
            max_samples=connections,
            max_tasks=1,
            temperature=1,
            max_tokens=256,
            seed=0,
            score=False,
        )
        sys.stdout = stdout
    if log.status != "success" or state["done"] != warmUp + answers:
        raise RuntimeError(f"{log.status}: {state['done']} answers, {log.error}")
    return {
        "answers": answers,
        "seconds": state["end"] - state["start"],
        "processorSeconds": state["spent"] - state["used"],
        "memory": memory,
    }


for line in sys.stdin:
    request = json.loads(line)
    if request["task"] == "exit":
        break
    print(json.dumps(measure(**request)), flush=True)
