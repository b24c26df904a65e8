"""Writes a GGUF file of a small Llama model in the Hugging Face layout, as llama.cpp's convert_hf_to_gguf.py does, for gguf-to-folder.test.ts:

    python write-gguf.py FOLDER FILE [NAME=VALUE ...]    values in JSON, in place of the usual metadata; tensors=Q8_0 quantises
"""
import json, sys
import numpy
from gguf import GGMLQuantizationType, GGUFWriter, TokenType, quantize
from gguf.quants import quant_shape_to_byte_shape

folder, path, *changes = sys.argv[1:]
changes = {name: json.loads(value) for name, value in (change.split("=", 1) for change in changes)}
config, tokenizer, settings = (json.load(open(f"{folder}/{name}.json", encoding="utf-8")) for name in ("config", "tokenizer", "tokenizer_config"))
writer = GGUFWriter(path, changes.get("general.architecture", "llama"))
writer.add_block_count(config["num_hidden_layers"])
writer.add_context_length(config["max_position_embeddings"])
writer.add_embedding_length(config["hidden_size"])
writer.add_feed_forward_length(config["intermediate_size"])
writer.add_head_count(config["num_attention_heads"])
writer.add_head_count_kv(config["num_key_value_heads"])
writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
if "expert_count" in changes:
    writer.add_expert_count(changes["expert_count"])

vocabulary = tokenizer["model"]["vocab"]
special = {token["content"] for token in tokenizer["added_tokens"]}
tokens = sorted(vocabulary, key=vocabulary.get)
writer.add_tokenizer_model("gpt2")
writer.add_tokenizer_pre(changes.get("tokenizer.ggml.pre", "gpt-2"))
writer.add_token_list(tokens)
writer.add_token_types([TokenType.CONTROL if token in special else TokenType.NORMAL for token in tokens])
writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in tokenizer["model"]["merges"]])
writer.add_eos_token_id(vocabulary[settings["eos_token"]])
writer.add_pad_token_id(vocabulary[settings["pad_token"]])
writer.add_chat_template(open(f"{folder}/chat_template.jinja", encoding="utf-8").read())

NAMES = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}


def permute(weight, heads):  # as LlamaModel.permute of convert_hf_to_gguf.py
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


with open(f"{folder}/model.safetensors", "rb") as file:
    header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    data = file.read()
for name, entry in header.items():
    if name == "__metadata__":
        continue
    start, end = entry["data_offsets"]
    weight = numpy.frombuffer(data[start:end], "<f4").reshape(entry["shape"])
    parts = name.removesuffix(".weight").split(".")
    if parts[1] == "layers":
        kind = NAMES[".".join(parts[3:])]
        if kind in ("attn_q", "attn_k"):
            weight = permute(weight, config["num_attention_heads" if kind == "attn_q" else "num_key_value_heads"])
        name = f"blk.{parts[2]}.{kind}.weight"
    else:
        name = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}[".".join(parts)] + ".weight"
    if "tensors" in changes and weight.ndim == 2:
        quantisation = GGMLQuantizationType[changes["tensors"]]
        try:
            packed = quantize(weight, quantisation)
        except NotImplementedError:  # what is in it does not matter then
            packed = numpy.zeros(quant_shape_to_byte_shape(weight.shape, quantisation), numpy.uint8)
        writer.add_tensor(name, packed, raw_dtype=quantisation)
    else:
        writer.add_tensor(name, numpy.ascontiguousarray(weight))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
