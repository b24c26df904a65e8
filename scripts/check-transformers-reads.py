"""Checks that transformers and PEFT read what the engine writes, bit by bit.

Run in the repository root, with torch, transformers and peft installed:  python scripts/check-transformers-reads.py
"""
import os, subprocess, tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import peft, torch, transformers
from peft import PeftModel, get_peft_model_state_dict
from transformers import AutoModelForCausalLM, AutoTokenizer

GOLDENS = "test/fixtures/goldens"
IDS = torch.arange(1, 40)[None]
TEXT = "héllo wörld 🙂"


def load(folder, **settings):
    model, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True, **settings)
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")), (folder, info)
    return model.eval()


def same(left, right):
    return left.keys() == right.keys() and all(torch.equal(value, right[key]) for key, value in left.items())


@torch.no_grad()
def check(name, out):
    golden, written = f"{GOLDENS}/{name}", f"{out}/{name}"
    base = load(golden)
    for kind in ("kept", "fresh"):
        model = load(f"{written}/{kind}")
        assert model.dtype == torch.float32 and same(base.state_dict(), model.state_dict()), (name, kind)
        assert torch.equal(base(IDS).logits, model(IDS).logits), (name, kind)
        assert model.generation_config.eos_token_id == base.generation_config.eos_token_id, (name, kind)
    for dtype in ("bfloat16", "float16"):
        model = load(f"{written}/{dtype}", dtype="auto")
        rounded = {key: value.to(getattr(torch, dtype)) for key, value in base.state_dict().items()}
        assert same(rounded, model.state_dict()), (name, dtype)
    tokenizers = [AutoTokenizer.from_pretrained(folder) for folder in (golden, f"{written}/kept")]
    assert tokenizers[0](TEXT) == tokenizers[1](TEXT) and tokenizers[0].chat_template == tokenizers[1].chat_template, name

    reference = PeftModel.from_pretrained(load(golden), f"{golden}/adapter_final").eval()
    adapted = PeftModel.from_pretrained(load(golden), f"{written}/adapter").eval()
    whole = get_peft_model_state_dict(reference)
    assert same(whole, get_peft_model_state_dict(adapted)), name
    assert torch.equal(reference(IDS).logits, adapted(IDS).logits), name
    part = get_peft_model_state_dict(PeftModel.from_pretrained(load(golden), f"{written}/part-of-adapter"))
    chosen = {key: value for key, value in whole.items() if ".1." not in key and ("q_proj" in key or "down_proj" in key)}
    assert same(chosen, part), name

    merged, ours = reference.merge_and_unload().state_dict(), load(f"{written}/merged").state_dict()
    worst = max((value - ours[key]).abs().max().item() for key, value in merged.items())
    assert worst < 1e-6, (name, worst)  # both round once, PEFT after a sum in single precision
    print(f"{name}: identical; merged weights within {worst:.1e}")


with tempfile.TemporaryDirectory() as out:
    subprocess.run(["npx", "tsx", "scripts/write-check-folders.ts", GOLDENS, out], check=True)
    for name in sorted(os.listdir(out)):
        check(name, out)
print(f"transformers {transformers.__version__}, PEFT {peft.__version__}, PyTorch {torch.__version__}")
