"""Writes what transformers makes of a model folder: token ids and logits of some texts, in float32.

    python scripts/write-reference-logits.py FOLDER OUT

Needs torch, transformers and jinja2. test/engine/real-checkpoint.test.ts runs it and compares the engine with what comes out:
OUT/reference.json has texts, chats and their ids, OUT/logits-N.bin the logits of text N, [tokens, vocabulary], little-endian.
"""
import json, os, sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch, transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

TEXTS = [
    "The harbor was quiet, and the lanterns burned low over the water.",
    "Numbers: 1, 22, 333, 4444; prices: $5.99 and 12% off!\n\n\t 2 ** 10 == 1024",
    "def add(a, b):\n    # naïve\n    return a + b\n\n\nprint(add(2, 3))\n",
    "Die Katze schläft auf dem Dach; größer als gestern, aber müde. ¿Dónde está la biblioteca?",
    "東京の朝はとても静かです。Сегодня хорошая погода. ‏مرحبا بالعالم‎ नमस्ते 🙂🚀 e\u0301",
    "She said: \"don't, I'll, we've, IT'S\" - and <|im_end|> left.  \u00a0\u3000  x",
]
CHATS = [
    [{"role": "user", "content": "What is the capital of France?"}],
    [
        {"role": "system", "content": "Answer in one word."},
        {"role": "user", "content": "Wie heißt die Hauptstadt von Österreich?"},
        {"role": "assistant", "content": "Wien."},
        {"role": "user", "content": "And of Japan (日本)?"},
    ],
]

folder, out = sys.argv[1:]
torch.set_grad_enabled(False)
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32).eval()
cases = [{"text": text, "ids": tokenizer(text, add_special_tokens=False)["input_ids"]} for text in TEXTS]
for chat in CHATS if tokenizer.chat_template else []:
    text = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    cases.append({"text": text, "chat": chat, "ids": tokenizer(text, add_special_tokens=False)["input_ids"]})
for number, case in enumerate(cases):
    logits = model(torch.tensor([case["ids"]])).logits[0]
    with open(f"{out}/logits-{number}.bin", "wb") as file:
        file.write(logits.contiguous().numpy().astype("<f4").tobytes())
with open(f"{out}/reference.json", "w", encoding="utf-8") as file:
    json.dump({"transformers": transformers.__version__, "torch": torch.__version__, "cases": cases}, file)
