"""Golden hidden states of transformers for the parity tests and docs/checkpoints.md.

    python3 bench/peers/states.py OUT                    # one small random model of every architecture
    python3 bench/peers/states.py OUT NAME:TYPE=PLACE     # projections of the states of a checkpoint: a folder, .gguf or .onnx

A small model is Model(config) with every number of the checkpoint drawn anew, so that no bias is 0, no gain and no layer scale 1.
It is saved in f32 as save_pretrained does, and run in f64 on those f32 weights. transformers computes rotary angles, RMS norms and
some softmaxes in f32 whatever the model's type: here every request for float32 is answered with float64.

States are h0 (after the embedding), h1 ... hL (after block l, before any last norm) and final (after the last norm).
"""

import json
import os
import sys

import numpy as np
import torch
from safetensors.numpy import save_file

import transformers
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

torch.set_num_threads(1)
TEXT = dict(vocab_size=23, hidden_size=12, num_hidden_layers=3, num_attention_heads=3, intermediate_size=20,
            max_position_embeddings=16)
IMAGE = dict(hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20, image_size=8, patch_size=4)

CONFIGURATIONS = {
    "bert": dict(TEXT, model_type="bert", type_vocab_size=2),
    "roberta": dict(TEXT, model_type="roberta", type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5),
    "albert": dict(TEXT, model_type="albert", embedding_size=7, num_hidden_groups=1, type_vocab_size=2),
    "gpt2": dict(model_type="gpt2", vocab_size=23, n_embd=12, n_layer=3, n_head=3, n_inner=20, n_positions=16,
                 scale_attn_by_inverse_layer_idx=True, tie_word_embeddings=False),
    "llama": dict(TEXT, model_type="llama", num_attention_heads=4, num_key_value_heads=2, head_dim=4,
                  rope_parameters=dict(rope_type="default", rope_theta=30.0), tie_word_embeddings=True),
    "modernbert": dict(TEXT, model_type="modernbert", num_hidden_layers=4, local_attention=4, pad_token_id=0,
                       rope_parameters=dict(full_attention=dict(rope_type="default", rope_theta=90.0),
                                            sliding_attention=dict(rope_type="default", rope_theta=7.0))),
    "vit": dict(IMAGE, model_type="vit"),
    "deit": dict(IMAGE, model_type="deit"),
    "dinov2": dict(IMAGE, model_type="dinov2", mlp_ratio=2),
    "dinov2-swiglu": dict(IMAGE, model_type="dinov2", mlp_ratio=2, use_swiglu_ffn=True),
}
CAUSAL = ("gpt2", "llama")
EPSILONS = ("layer_norm_eps", "layer_norm_epsilon", "rms_norm_eps", "norm_eps")
# Large enough that forgetting it is no rounding error.
EPSILON = 0.01


def double():
    """From here on float32 is float64."""
    torch.float32 = torch.float = torch.float64
    torch.Tensor.float = torch.Tensor.double


def class_of(name):
    return AutoModelForCausalLM if name in CAUSAL else AutoModel


def randomise(model):
    generator = torch.Generator().manual_seed(20261128)
    with torch.no_grad():
        for _, tensor in sorted(model.named_parameters()):
            noise = torch.randn(tensor.shape, generator=generator)
            if tensor.ndim >= 2:
                tensor.copy_(noise * (1.5 / np.sqrt(tensor.shape[-1])))
            else:
                tensor.copy_(noise * 0.4 + (0.8 if (tensor.mean() == 1) else 0.1))


def blocks_of(model):
    """The blocks and the last norm."""
    lists = [m for m in model.modules() if isinstance(m, torch.nn.ModuleList)]
    blocks = max((m for m in lists if hasattr(m[0], "forward")), key=lambda m: sum(p.numel() for p in m.parameters()))
    return blocks


def run(model, inputs):
    """h0 ... hL, final and logits, from hooks: HF's last hidden state may already be normalised."""
    base = model.base_model if hasattr(model, "base_model") else model
    blocks = blocks_of(base)
    inside, outside = [], []

    def before(_, args, kwargs):
        inside.append((args[0] if args else kwargs["hidden_states"]).detach().clone())

    def after(_, args, output):
        outside.append((output[0] if isinstance(output, tuple) else output).detach().clone())

    layers = base.config.num_hidden_layers
    handles = []
    if len(blocks) == layers:
        handles = [b.register_forward_pre_hook(before, with_kwargs=True) for b in blocks]
        handles += [b.register_forward_hook(after) for b in blocks]
    with torch.no_grad():
        output = model(**inputs, output_hidden_states=True, return_dict=True)
    for handle in handles:
        handle.remove()
    hidden = [h[0] for h in output.hidden_states]
    states = [inside[0][0], *(h[0] for h in outside)] if handles else hidden
    assert len(states) == layers + 1 == len(hidden), (len(states), layers, len(hidden))
    for l in range(layers):
        assert torch.equal(states[l], hidden[l]), l
    last = output.last_hidden_state[0] if "last_hidden_state" in output else hidden[-1]
    found = {f"h{l}": h for l, h in enumerate(states)} | {"final": last}
    if "logits" in output:
        found["logits"] = output.logits[0]
    return {name: np.ascontiguousarray(value.double().numpy()) for name, value in found.items()}


def random_model(name, out):
    folder = os.path.join(out, name)
    settings = dict(CONFIGURATIONS[name])
    known = AutoConfig.for_model(settings["model_type"]).to_dict()
    settings |= {key: EPSILON for key in EPSILONS if key in known}
    config = AutoConfig.for_model(**settings)
    model = class_of(name).from_config(config)
    randomise(model)
    model.save_pretrained(folder)
    return folder


def in_double(name, stored):
    """The model again, with whatever it computes when it is made in f64 too, and the f32 weights of the stored one."""
    model = class_of(name).from_config(stored.config).double().eval()
    model.load_state_dict(stored.state_dict())
    return model


def golden(name, folder, stored):
    generator = np.random.default_rng(5)
    config = stored.config
    model = in_double(name, stored)
    if hasattr(config, "image_size"):
        # One of the two whose positions may be resized gets a larger image than they are meant for.
        size = 12 if name == "dinov2-swiglu" else config.image_size
        given = {"pixels": generator.standard_normal((config.num_channels, size, size))}
        inputs = {"pixel_values": torch.tensor(given["pixels"])[None]}
    else:
        given = {"ids": generator.integers(2, config.vocab_size, 9)}
        inputs = {"input_ids": torch.tensor(given["ids"])[None]}
    save_file(given | run(model, inputs), os.path.join(folder, "states.safetensors"))


def signs(d, count):
    """d x count of +-1, the same in any language: bit 16 of a linear congruential sequence."""
    state, values = 1, np.empty(d * count)
    for i in range(d * count):
        state = (state * 1103515245 + 12345) % 2**31
        values[i] = 1 if state >> 16 & 1 else -1
    return values.reshape(d, count)


def projected(states, rows=12, count=2):
    """Of each state its root mean square and, for a few tokens, its products with random signs over sqrt(d)."""
    found = {}
    for name, value in states.items():
        n, d = value.shape
        tokens = np.unique(np.linspace(0, n - 1, rows).astype(int))
        found["tokens"] = tokens
        found[name] = np.ascontiguousarray((value @ signs(d, count) / np.sqrt(d))[tokens])
        found[f"{name}.rms"] = np.array([np.sqrt(np.mean(value**2))])
    return found


def fixed_ids(vocabulary, n=24):
    return np.array([(7 + 13 * i * i) % vocabulary for i in range(n)])


def fixed_pixels(channels, height, width):
    """A smooth image and noise that any language can make: sines, and the signs above."""
    c, y, x = np.meshgrid(np.arange(channels), np.arange(height), np.arange(width), indexing="ij")
    smooth = np.sin(0.05 * y + c) + np.cos(0.03 * x - c)
    return smooth + 0.25 * signs(channels * height * width, 1).reshape(smooth.shape)


def packaged(name, model_type, folder, out):
    """Projections of the states of a checkpoint in a folder of Hugging Face's layout, or of a GGUF file; weights in f32, run in f64."""
    if folder.endswith(".gguf"):
        where, file = os.path.split(folder)
        stored = AutoModelForCausalLM.from_pretrained(where, gguf_file=file, dtype=torch.float32)
        config, weights = stored.config, stored.state_dict()
    else:
        values = json.load(open(os.path.join(folder, "config.json")))
        config = AutoConfig.for_model(model_type, **{k: v for k, v in values.items() if k != "model_type"})
        weights = read_weights(folder)
    causal = model_type in CAUSAL
    double()
    model = (AutoModelForCausalLM if causal else AutoModel).from_config(config).double().eval()
    own = model.state_dict()
    aligned = {key: weights[found] for key in own for found in weights if found == key or found.endswith("." + key)}
    missing = [key for key in own if key not in aligned and "pooler" not in key and key != "lm_head.weight"]
    assert not missing, missing
    model.load_state_dict(aligned, strict=False)
    ids = fixed_ids(config.vocab_size)
    states = run(model, {"input_ids": torch.tensor(ids)[None]})
    states.pop("logits", None)
    save_file({"ids": ids} | projected(states), os.path.join(out, f"{name}.safetensors"))


def read_weights(folder):
    if os.path.exists(os.path.join(folder, "model.safetensors")):
        from safetensors.torch import load_file

        return load_file(os.path.join(folder, "model.safetensors"))
    return torch.load(os.path.join(folder, "pytorch_model.bin"), map_location="cpu", weights_only=True)


def packaged_onnx(name, path, out):
    """
    Projections of the states of an ONNX file: an image model in f64 by onnx's reference evaluator, every float32 of the graph made
    float64; a text model with int8 weights in f32 by onnxruntime, whose rounding is part of its weights.
    """
    import onnx
    import onnxruntime

    model = onnx.load(path)
    graph = model.graph
    if graph.input[0].name == "input_ids":
        norms = [n.output[0] for n in graph.node if n.op_type == "LayerNormalization"]
        outputs = {f"h{l}": norms[2 * l] for l in range(len(norms) // 2 + 1)}
        table = next(t for t in graph.initializer if "word_embeddings" in t.name)
        ids = fixed_ids(table.dims[0])
        given = {"ids": ids}
        feed = {"input_ids": ids[None], "attention_mask": np.ones_like(ids)[None], "token_type_ids": np.zeros_like(ids)[None]}
        for output in outputs.values():
            graph.output.append(onnx.helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, None))
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        found = session.run(list(outputs.values()), feed)
    else:
        from onnx.reference import ReferenceEvaluator

        names = [n.output[0] for n in graph.node]
        layers = 1 + max(int(n.split("layer.")[1].split("/")[0]) for n in names if "/backbone/encoder/layer." in n)
        outputs = {"h0": "/backbone/embeddings/Add_output_0"}
        outputs |= {f"h{l + 1}": f"/backbone/encoder/layer.{l}/Add_1_output_0" for l in range(layers)}
        outputs |= {"final": "/backbone/layernorm/Add_1_output_0"} if "/backbone/layernorm/Add_1_output_0" in names else {}
        given, height = {}, 224
        widen(graph)
        del graph.output[:]
        for output in outputs.values():
            graph.output.append(onnx.helper.make_tensor_value_info(output, onnx.TensorProto.DOUBLE, None))
        last = max(i for i, n in enumerate(graph.node) if n.output[0] in outputs.values())
        kept = list(graph.node)[: last + 1]
        del graph.node[:]
        graph.node.extend(kept)
        found = ReferenceEvaluator(model).run(None, {graph.input[0].name: fixed_pixels(3, height, height)[None]})
    states = {key: value[0].astype(np.float64) for key, value in zip(outputs, found)}
    save_file(given | projected(states), os.path.join(out, f"{name}.safetensors"))


def widen(graph):
    """Every float32 of an ONNX graph as float64."""
    import onnx

    def wide(tensor):
        if tensor.data_type == onnx.TensorProto.FLOAT:
            tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor).astype(np.float64), tensor.name))

    for tensor in graph.initializer:
        wide(tensor)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                wide(attribute.t)
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == onnx.TensorProto.FLOAT:
                attribute.i = onnx.TensorProto.DOUBLE
    for value in graph.input:
        value.type.tensor_type.elem_type = onnx.TensorProto.DOUBLE


if __name__ == "__main__":
    out, *given = sys.argv[1:]
    os.makedirs(out, exist_ok=True)
    if given:
        for one in given:
            name, place = one.split("=", 1)
            name, _, model_type = name.partition(":")
            if place.endswith(".onnx"):
                packaged_onnx(name, place, out)
            else:
                packaged(name, model_type, place, out)
            print(name, os.path.getsize(os.path.join(out, f"{name}.safetensors")), "bytes")
    else:
        folders = {name: random_model(name, out) for name in CONFIGURATIONS}
        stored = {name: class_of(name).from_pretrained(folder, dtype=torch.float32) for name, folder in folders.items()}
        double()
        for name, folder in folders.items():
            golden(name, folder, stored[name])
            os.path.exists(extra := os.path.join(folder, "generation_config.json")) and os.remove(extra)
            print(name, sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)), "bytes")
