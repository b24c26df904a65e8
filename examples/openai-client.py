"""The official Python client against driftline serve: file -> fine-tuning job -> chat with log-probabilities -> batch.

    driftline serve organism:1
    OPENAI_BASE_URL=http://127.0.0.1:8700/v1 OPENAI_API_KEY=any python examples/openai-client.py [MODEL]
"""

import io
import json
import sys
import time

from openai import OpenAI

client = OpenAI()
base = sys.argv[1] if len(sys.argv) > 1 else client.models.list().data[0].id


def lines(records):
    return io.BytesIO("".join(json.dumps(record) + "\n" for record in records).encode())


def ask(text, **settings):
    return {"messages": [{"role": "user", "content": text}], "max_tokens": 16, **settings}


rows = [
    {"messages": [{"role": "user", "content": f"Say {n}."}, {"role": "assistant", "content": f"It is {n}."}]}
    for n in range(8)
]
file = client.files.create(file=("rows.jsonl", lines(rows)), purpose="fine-tune")
job = client.fine_tuning.jobs.create(
    model=base,
    training_file=file.id,
    seed=1,
    suffix="counting",
    method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2, "batch_size": 4}}},
)
while job.status not in ("succeeded", "failed", "cancelled"):
    time.sleep(0.2)
    job = client.fine_tuning.jobs.retrieve(job.id)
assert job.status == "succeeded", job.error
for event in reversed(client.fine_tuning.jobs.list_events(job.id).data):
    print(event.message)
checkpoints = [one.fine_tuned_model_checkpoint for one in client.fine_tuning.jobs.checkpoints.list(job.id)]
print("checkpoints:", ", ".join(checkpoints))

answer = client.chat.completions.create(model=job.fine_tuned_model, seed=7, logprobs=True, top_logprobs=3, **ask("Say 3."))
print("answer:", json.dumps(answer.choices[0].message.content))
for token in answer.choices[0].logprobs.content[:3]:
    print(f"  {token.token!r} {token.logprob:.3f}, of {[top.token for top in token.top_logprobs]}")

stream = client.chat.completions.create(model=job.fine_tuned_model, seed=7, stream=True, **ask("Say 3."))
streamed = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
assert streamed == answer.choices[0].message.content, streamed

requests = [
    {
        "custom_id": f"say-{n}",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": checkpoints[-1], "seed": n, **ask(f"Say {n}.")},
    }
    for n in range(10)
]
questions = client.files.create(file=("questions.jsonl", lines(requests)), purpose="batch")
batch = client.batches.create(input_file_id=questions.id, endpoint="/v1/chat/completions", completion_window="24h")
while batch.status not in ("completed", "failed", "expired", "cancelled"):
    time.sleep(0.2)
    batch = client.batches.retrieve(batch.id)
results = [json.loads(line) for line in client.files.content(batch.output_file_id).text.splitlines()]
assert sorted(one["custom_id"] for one in results) == sorted(one["custom_id"] for one in requests)
print("batch:", batch.status, batch.request_counts.completed, "answers")
