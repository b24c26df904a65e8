"""Turns a model in a GGUF file into a folder in the Hugging Face layout, which driftline and transformers read.

    pip install gguf
    python scripts/gguf-to-folder.py MODEL.gguf FOLDER [--dtype float32]

Writes config.json, generation_config.json, model.safetensors, tokenizer.json and tokenizer_config.json with the chat template.
Weights that are quantised in the file are written as the numbers that they stand for: what was lost stays lost. Only Llama's
architecture is known, with a byte-level BPE tokenizer; anything else is refused, not guessed at. Needs Python 3.10 or later.
"""
import argparse, json, os, shutil, sys, tempfile

try:
    import numpy
    from gguf import GGUFReader, dequantize
except ImportError as error:
    sys.exit(f"{error}. Install what this script reads GGUF with: pip install gguf")

BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
DIGITS = {"type": "Digits", "individual_digits": True}
# How text is cut before tokens are merged, by the name that a GGUF file has for it (tokenizer.ggml.pre).
PRE_TOKENIZERS = {"gpt-2": BYTE_LEVEL, "smollm": {"type": "Sequence", "pretokenizers": [DIGITS, BYTE_LEVEL]}}
NORMAL, CONTROL, USER_DEFINED = 1, 3, 4
BLOCK_TENSORS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
TENSORS = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight", "output.weight": "lm_head.weight"}


class Unsupported(Exception):
    """What cannot be turned into a folder, and what to do instead."""


class Metadata:
    def __init__(self, reader):
        self.fields = reader.fields

    def get(self, name, default=None):
        field = self.fields.get(name)
        return default if field is None else field.contents()

    def need(self, name):
        if name not in self.fields:
            raise Unsupported(f"the file does not say {name}. Use a file made by a newer convert_hf_to_gguf.py of llama.cpp.")
        return self.get(name)


def read_config(metadata, tensors):
    architecture = metadata.need("general.architecture")
    if architecture != "llama":
        raise Unsupported(f"its architecture is {architecture}; this script knows llama. Use the model's own folder, hf:owner/name.")
    if metadata.get("llama.expert_count", 0):
        raise Unsupported("it is a mixture of experts, which the engine does not compute. Use a dense model.")
    scaling = metadata.get("llama.rope.scaling.type", "none")
    if scaling != "none" or "rope_freqs.weight" in tensors:
        raise Unsupported("its rotary embedding is scaled, which this script cannot express. Use the model's own folder, hf:owner/name.")
    heads, width = metadata.need("llama.attention.head_count"), metadata.need("llama.embedding_length")
    head_width = metadata.get("llama.attention.key_length", width // heads)
    if metadata.get("llama.attention.value_length", head_width) != head_width:
        raise Unsupported("its keys and values differ in width, which the engine does not compute. Use another model.")
    if metadata.get("llama.rope.dimension_count", head_width) != head_width:
        raise Unsupported("it rotates only a part of each head, which the engine does not compute. Use another model.")
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": int(tensors["token_embd.weight"].shape[1]) if "token_embd.weight" in tensors else 0,
        "hidden_size": width,
        "intermediate_size": metadata.need("llama.feed_forward_length"),
        "num_hidden_layers": metadata.need("llama.block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": metadata.get("llama.attention.head_count_kv", heads),
        "head_dim": head_width,
        "max_position_embeddings": metadata.need("llama.context_length"),
        # Stored in single precision: 0.00001 comes out as 9.999999747378752e-06.
        "rms_norm_eps": float(f"{metadata.need('llama.attention.layer_norm_rms_epsilon'):.6g}"),
        "rope_theta": metadata.get("llama.rope.freq_base", 10000.0),
        "rope_scaling": None,
        "tie_word_embeddings": "output.weight" not in tensors,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": metadata.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": metadata.get("tokenizer.ggml.eos_token_id"),
        "pad_token_id": metadata.get("tokenizer.ggml.padding_token_id"),
    }


def read_tokenizer(metadata):
    kind, cut = metadata.need("tokenizer.ggml.model"), metadata.get("tokenizer.ggml.pre", "not named")
    if kind != "gpt2" or cut not in PRE_TOKENIZERS:
        known = ", ".join(PRE_TOKENIZERS)
        raise Unsupported(f"its tokenizer is {kind} with the pre-tokenizer {cut}; this script knows gpt2 with {known}. "
                          "Convert the model's own folder instead, or add the pre-tokenizer to PRE_TOKENIZERS.")
    if metadata.get("tokenizer.ggml.add_bos_token", False) or metadata.get("tokenizer.ggml.add_eos_token", False):
        raise Unsupported("its tokenizer adds tokens around every text, which this script does not write. Use the model's own folder.")
    tokens, types = metadata.need("tokenizer.ggml.tokens"), metadata.need("tokenizer.ggml.token_type")
    added = [
        {"id": number, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": kind == CONTROL}
        for number, (token, kind) in enumerate(zip(tokens, types)) if kind in (CONTROL, USER_DEFINED)
    ]
    definition = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": PRE_TOKENIZERS[cut],
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: number for number, token in enumerate(tokens)},
            "merges": metadata.need("tokenizer.ggml.merges"),
        },
    }
    settings = {
        # GPT2Tokenizer would put its own pre-tokenizer in place of the one of tokenizer.json.
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": metadata.get("llama.context_length"),
        "clean_up_tokenization_spaces": False,
        "chat_template": metadata.get("tokenizer.chat_template"),
    }
    for role, name in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding")):
        number = metadata.get(f"tokenizer.ggml.{name}_token_id")
        if number is not None:
            settings[f"{role}_token"] = tokens[number]
    return definition, settings


def name_tensor(name):
    """The name in the Hugging Face layout, or None."""
    parts = name.split(".")
    if len(parts) == 4 and parts[0] == "blk" and parts[3] == "weight" and parts[2] in BLOCK_TENSORS:
        return f"model.layers.{parts[1]}.{BLOCK_TENSORS[parts[2]]}.weight"
    return TENSORS.get(name)


def unpermute(weight, heads):
    """GGUF has the two halves of each head's rows interleaved, for rotations of neighbours; here the halves stand one after the other."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def read_weight(tensor, config, dtype):
    try:
        weight = dequantize(tensor.data, tensor.tensor_type)
    except NotImplementedError:
        raise Unsupported(f"{tensor.name} is quantised as {tensor.tensor_type.name}, which the package gguf cannot undo. "
                          "Use another file of the model, such as Q8_0 or F16.") from None
    weight = weight.reshape([int(size) for size in reversed(tensor.shape)])
    if tensor.name.endswith(".attn_q.weight"):
        weight = unpermute(weight, config["num_attention_heads"])
    if tensor.name.endswith(".attn_k.weight"):
        weight = unpermute(weight, config["num_key_value_heads"])
    with numpy.errstate(over="ignore"):
        narrowed = weight.astype(dtype)
    if not numpy.isfinite(narrowed).all():
        raise Unsupported(f"{tensor.name} has numbers that {dtype} cannot hold. Try --dtype float32.")
    return narrowed


def write_weights(path, tensors, config, dtype):
    names = {name_tensor(tensor.name): tensor for tensor in tensors}
    size, start, header = numpy.dtype(dtype).itemsize, 0, {"__metadata__": {"format": "pt"}}
    for name, tensor in names.items():
        shape = [int(axis) for axis in reversed(tensor.shape)]
        end = start + size * int(numpy.prod(shape))
        header[name] = {"dtype": {2: "F16", 4: "F32"}[size], "shape": shape, "data_offsets": [start, end]}
        start = end
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    with open(path, "wb") as file:
        file.write(len(encoded).to_bytes(8, "little") + encoded)
        for tensor in names.values():
            file.write(read_weight(tensor, config, dtype).astype(f"<f{size}").tobytes())
    return start // size


def write_json(folder, name, value):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=2)
        file.write("\n")


def convert(source, folder, dtype):
    try:
        reader = GGUFReader(source)
    except (OSError, ValueError, IndexError, KeyError) as error:
        raise Unsupported(f"it cannot be read as GGUF ({error}). Check the path, or download the file again.") from error
    metadata, tensors = Metadata(reader), {tensor.name: tensor for tensor in reader.tensors}
    config = read_config(metadata, tensors)
    definition, settings = read_tokenizer(metadata)
    strange = [name for name in tensors if name_tensor(name) is None]
    if strange:
        raise Unsupported(f"it has the tensor {strange[0]}, which a plain Llama model does not have. Use the model's own folder, hf:owner/name.")
    wanted = [f"blk.{block}.{name}.weight" for block in range(config["num_hidden_layers"]) for name in BLOCK_TENSORS]
    missing = [name for name in ["token_embd.weight", "output_norm.weight", *wanted] if name not in tensors]
    if missing:
        raise Unsupported(f"it lacks the tensor {missing[0]}. Download the file again; of a model in several files, merge them first.")

    os.makedirs(os.path.dirname(os.path.abspath(folder)), exist_ok=True)
    # In the end everything is there, or nothing.
    unfinished = tempfile.mkdtemp(prefix=f".{os.path.basename(os.path.abspath(folder))}-", dir=os.path.dirname(os.path.abspath(folder)))
    try:
        count = write_weights(os.path.join(unfinished, "model.safetensors"), reader.tensors, config, dtype)
        write_json(unfinished, "config.json", {**config, "torch_dtype": dtype})
        tokens = {key: value for key, value in config.items() if key.endswith("_token_id") and value is not None}
        write_json(unfinished, "generation_config.json", {"_from_model_config": True, **tokens})
        write_json(unfinished, "tokenizer.json", definition)
        write_json(unfinished, "tokenizer_config.json", {key: value for key, value in settings.items() if value is not None})
        os.chmod(unfinished, 0o755)
        os.rename(unfinished, folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    types = sorted({tensor.tensor_type.name for tensor in reader.tensors})
    print(f"{metadata.get('general.name', 'a model')} (license: {metadata.get('general.license', 'not named')}): "
          f"{count:,} weights, stored as {', '.join(types)}, now {dtype}, in {folder}")


def main():
    parser = argparse.ArgumentParser(description="Turns a model in a GGUF file into a folder in the Hugging Face layout.")
    parser.add_argument("file", help="the GGUF file")
    parser.add_argument("folder", help="a folder that is not there yet")
    parser.add_argument("--dtype", choices=["float16", "float32"], default="float16", help="of the weights that are written (default float16)")
    options = parser.parse_args()
    if os.path.exists(options.folder):
        sys.exit(f"{options.folder} is there already. Name a new folder, or remove it.")
    try:
        convert(options.file, options.folder, options.dtype)
    except Unsupported as error:
        sys.exit(f"{options.file} cannot be converted: {error}")
    except OSError as error:
        sys.exit(f"{options.folder} could not be written: {error}")


if __name__ == "__main__":
    main()
