"""PyTorch's side of `npm run bench`: the same steps and the same sampling, as fast as plain PyTorch does them on a CPU.

    python3 pytorch_reference.py [THREADS]          (default: every CPU)

Answers each JSON line with one JSON line, so that the bench can alternate between engines; a failure ends the process.
`steps` are timed after `warmup` untimed ones. Repeating a request, also with other steps, continues the built workload.

    {"task": "environment"}
    {"task": "matmul", "sizes": [[M, K, N], ...], "steps": 20}        GFLOP/s of each run
    {"task": "lora-step", "shape": SHAPE, "batch": 16, "length": 64, "steps": 5, "warmup": 2, "compile": false}
    {"task": "full-step", ...}                                        the same with every weight trained
    {"task": "sample", "shape": SHAPE, "batch": 32, "prompt": 32, "tokens": 64, "steps": 3, "warmup": 1}
    {"task": "exit"}
    SHAPE = {layers, width, heads, keyValueHeads, headWidth, feedForward, vocabulary, tied, rank}

A training step is forward, backward and AdamW in float32 on random ids, with the mean cross entropy of all tokens;
LoRA is on all seven projections of a frozen base. Sampling is a prefill and `tokens` draws a row at temperature 1.
No straw man: q, k, v and gate, up are one product each; LoRA, RMS norm and the head have gradients written by hand, for
fewer passes over memory; the thin LoRA products lie the way BLAS is fast at; AdamW is fused; malloc keeps its pages; to
sample, weights are laid out for oneDNN and the cumulative distribution is inverted (torch.multinomial is far slower).
"""

import ctypes
import json
import os
import resource
import sys
import time

import torch
import torch.nn.functional as F


class RmsNorm(torch.autograd.Function):
    """x w / sqrt(mean(x^2) + epsilon) over the last axis."""

    @staticmethod
    def forward(ctx, x, w):
        inverse = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.shape[-1]).add_(1e-5).rsqrt_()
        ctx.save_for_backward(x, w, inverse)
        return (x * inverse).mul_(w)

    @staticmethod
    def backward(ctx, gradient):
        x, w, inverse = ctx.saved_tensors
        w_gradient = (gradient * x).mul_(inverse).sum(0) if ctx.needs_input_grad[1] else None
        scaled = gradient * w
        slope = (scaled * x).mean(-1, keepdim=True).mul_(inverse.pow(3))
        return scaled.mul_(inverse).addcmul_(x, slope, value=-1), w_gradient


class AdaptedLinear(torch.autograd.Function):
    """x W^T + scale x A^T B; W is [sum of outs, in], A [number of outs * rank, in], B [rank, sum of outs] in parts."""

    scale = 2.0

    @staticmethod
    def forward(ctx, x, w, a, b, outs):
        inner = (x @ a.t()).mul_(AdaptedLinear.scale)
        diagonal = torch.block_diag(*b.split(outs, 1))
        ctx.save_for_backward(x, w, a, diagonal, inner)
        ctx.outs = outs
        return F.linear(x, w).addmm_(inner, diagonal)

    @staticmethod
    def backward(ctx, gradient):
        x, w, a, diagonal, inner = ctx.saved_tensors
        inner_gradient = (gradient @ diagonal.t()).mul_(AdaptedLinear.scale)
        parts = zip(inner.chunk(len(ctx.outs), 1), gradient.split(ctx.outs, 1))
        b_gradient = torch.cat([left.t() @ right for left, right in parts], 1)
        x_gradient = (gradient @ w).addmm_(inner_gradient, a) if ctx.needs_input_grad[0] else None
        return x_gradient, None, inner_gradient.t() @ x, b_gradient, None


class HeadLoss(torch.autograd.Function):
    """Mean cross entropy of x W^T: keeps one tensor of the logits' size, and makes few passes over it."""

    @staticmethod
    def forward(ctx, x, w, targets):
        chances = torch.softmax(x @ w.t(), 1)
        loss = chances.gather(1, targets).log().mean().neg()
        ctx.save_for_backward(x, w, chances.scatter_add_(1, targets, torch.full(targets.shape, -1.0)))
        return loss

    @staticmethod
    def backward(ctx, _one):
        x, w, errors = ctx.saved_tensors
        return (errors @ w).div_(len(x)), (errors.t() @ x).div_(len(x)) if ctx.needs_input_grad[1] else None, None


class Decoder:
    """Random weights in a Llama's shape: a dictionary of tensors a layer, q, k, v and gate, up in one matrix each."""

    def __init__(self, shape, positions):
        self.heads, self.groups, self.head_width = shape["heads"], shape["keyValueHeads"], shape["headWidth"]
        width, feed_forward = shape["width"], shape["feedForward"]
        query, key = self.heads * self.head_width, self.groups * self.head_width
        self.outs = {"qkv": (query, key, key), "output": (width,), "gate_up": (feed_forward,) * 2, "down": (width,)}
        inputs = {"qkv": width, "output": query, "gate_up": width, "down": feed_forward}
        self.layers = [
            {name: 0.02 * torch.randn(sum(outs), inputs[name]) for name, outs in self.outs.items()}
            | {"attention_norm": torch.ones(width), "feed_forward_norm": torch.ones(width)}
            for _ in range(shape["layers"])
        ]
        self.norm, self.embedding = torch.ones(width), 0.02 * torch.randn(shape["vocabulary"], width)
        self.head = self.embedding if shape["tied"] else 0.02 * torch.randn(shape["vocabulary"], width)
        frequencies = 10000.0 ** (-torch.arange(0, self.head_width, 2) / self.head_width)
        angles = torch.outer(torch.arange(positions).float(), frequencies)
        self.rotation = torch.polar(torch.ones_like(angles), angles)

    def add_adapters(self, rank):
        for layer in self.layers:
            for name, outs in self.outs.items():
                layer[name + ".a"] = 0.02 * torch.randn(len(outs) * rank, layer[name].shape[1])
                layer[name + ".b"] = torch.zeros(rank, sum(outs))
        return [layer[name + part] for layer in self.layers for name in self.outs for part in (".a", ".b")]

    def project(self, layer, name, x):
        if name + ".a" in layer:
            return AdaptedLinear.apply(x, layer[name], layer[name + ".a"], layer[name + ".b"], self.outs[name])
        if layer[name].is_mkldnn:
            return torch.ops.mkldnn._linear_pointwise(x, layer[name], None, "none", [], "")
        return F.linear(x, layer[name])

    def block(self, x, layer, batch, start):
        """x is [batch * length, width]; positions begin at `start`: 0, or that of one token after a filled cache."""
        joint = self.project(layer, "qkv", RmsNorm.apply(x, layer["attention_norm"]))
        heads = joint.view(batch, -1, self.heads + 2 * self.groups, self.head_width).transpose(1, 2)
        end = start + heads.shape[2]
        turned, values = heads.split((self.heads + self.groups, self.groups), 1)
        # Half-split rotary embedding, for q and k whose rows were reordered on loading so that pairs lie side by side.
        turned = torch.view_as_complex(turned.unflatten(-1, (-1, 2))) * self.rotation[start:end]
        queries, keys = torch.view_as_real(turned).flatten(-2).split((self.heads, self.groups), 1)
        if "cache" in layer:
            layer["cache"][0, :, :, start:end] = keys
            layer["cache"][1, :, :, start:end] = values
        if start == 0:
            mixed = F.scaled_dot_product_attention(queries, keys, values, is_causal=True, enable_gqa=True)
        else:  # The queries that share a key/value head become that head's rows, so that nothing is repeated.
            keys, values = layer["cache"][:, :, :, :end]
            queries = queries.reshape(batch, self.groups, -1, self.head_width)
            mixed = F.scaled_dot_product_attention(queries, keys, values).reshape(batch, self.heads, 1, -1)
        x = x + self.project(layer, "output", mixed.transpose(1, 2).reshape(len(x), -1))
        gate, up = self.project(layer, "gate_up", RmsNorm.apply(x, layer["feed_forward_norm"])).chunk(2, 1)
        return x + self.project(layer, "down", F.silu(gate) * up)

    def hidden(self, ids, batch, start=0):
        x = F.embedding(ids.view(-1), self.embedding)
        for layer in self.layers:
            x = self.block(x, layer, batch, start)
        return x


def build_training(request):
    shape, batch, length = request["shape"], request["batch"], request["length"]
    decoder = Decoder(shape, length)
    everything = {decoder.norm, decoder.embedding, decoder.head}.union(*(layer.values() for layer in decoder.layers))
    trained = decoder.add_adapters(shape["rank"]) if request["task"] == "lora-step" else everything
    optimizer = torch.optim.AdamW([tensor.requires_grad_() for tensor in trained], lr=1e-4, fused=True)
    ids, targets = torch.randint(shape["vocabulary"], (2, batch * length, 1))
    if request.get("compile"):
        decoder.block = torch.compile(decoder.block, dynamic=False)

    def step():
        loss = HeadLoss.apply(RmsNorm.apply(decoder.hidden(ids, batch), decoder.norm), decoder.head, targets)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    return step


def build_sampling(request):
    shape, batch, prompt, tokens = (request[key] for key in ("shape", "batch", "prompt", "tokens"))
    decoder, generator = Decoder(shape, prompt + tokens), torch.Generator().manual_seed(2)
    reorder = torch.ops.mkldnn._reorder_linear_weight  # into oneDNN's layout, as torch.compile does in a frozen model
    decoder.head = reorder(decoder.head)
    for layer in decoder.layers:
        layer |= {name: reorder(layer[name]) for name in decoder.outs}
        layer["cache"] = torch.zeros(2, batch, decoder.groups, prompt + tokens, decoder.head_width)
    ids = torch.randint(shape["vocabulary"], (batch * prompt,))

    def draw(x):
        logits = decoder.project(vars(decoder), "head", RmsNorm.apply(x, decoder.norm))
        totals = torch.softmax(logits, 1).cumsum_(1)
        return torch.searchsorted(totals, totals[:, -1:] * torch.rand(batch, 1, generator=generator))

    @torch.inference_mode()
    def step():
        begin = time.perf_counter()
        drawn = draw(decoder.hidden(ids, batch).view(batch, prompt, -1)[:, -1])
        prefill = 1e3 * (time.perf_counter() - begin)
        for position in range(prompt, prompt + tokens - 1):
            drawn = draw(decoder.hidden(drawn, batch, position))
        return prefill

    return step


def measure(step, request):
    """Milliseconds of each step, and what each returned."""
    milliseconds, results, steps = [], [], request["steps"]
    for _ in range(request.get("warmup", 0) + steps):
        begin = time.perf_counter()
        results.append(step())
        milliseconds.append(1e3 * (time.perf_counter() - begin))
    return milliseconds[-steps:], results[-steps:]


def measure_matmul(m, k, n, request):
    left, right, out = torch.randn(m, k), torch.randn(k, n), torch.empty(m, n)
    milliseconds, _ = measure(lambda: torch.mm(left, right, out=out), {"warmup": 2} | request)
    return [2e-6 * m * k * n / one for one in milliseconds]


def measure_workload(request, state):
    workload = {key: value for key, value in request.items() if key not in ("steps", "warmup")}
    if state.get("workload") != workload:
        state.clear()  # frees the last one first
        build = build_sampling if request["task"] == "sample" else build_training
        state.update(step=build(request), workload=workload)
    milliseconds, results = measure(state["step"], request)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    result = {"prefillMilliseconds": results} if request["task"] == "sample" else {"loss": results[-1]}
    return {"milliseconds": milliseconds, "peakBytes": peak} | result


def main():
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else os.cpu_count() or 1)
    torch.set_flush_denormal(True)
    # glibc gives freed memory back, and each step faults it in again, a tenth of its time: M_TRIM and M_MMAP_THRESHOLD.
    for parameter in (-1, -3) if sys.platform == "linux" else ():
        ctypes.CDLL(None).mallopt(parameter, 2**31 - 1)
    state = {}
    for line in sys.stdin:
        request = json.loads(line)
        if request["task"] == "exit":
            break
        if request["task"] == "environment":
            answer = {"torch": torch.__version__, "threads": torch.get_num_threads(), "about": torch.__config__.show()}
        elif request["task"] == "matmul":
            answer = {"gigaflops": [measure_matmul(*size, request) for size in request["sizes"]]}
        else:
            answer = measure_workload(request, state)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
