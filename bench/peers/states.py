"""Golden hidden states of transformers for the parity tests and docs/checkpoints.md.

    python3 bench/peers/states.py OUT                    # one small random model of every architecture
    python3 bench/peers/states.py OUT NAME=FOLDER ...     # projections of the states of checkpoints in folders

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
        size = config.image_size
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


def projected(states, count=4):
    found = {}
    for name, value in states.items():
        if name == "logits":
            continue
        d = value.shape[1]
        found[name] = value @ signs(d, count) / np.sqrt(d)
        found[f"{name}.rms"] = np.array([np.sqrt(np.mean(value**2))])
    return found


if __name__ == "__main__":
    out, *given = sys.argv[1:]
    names = [] if given else list(CONFIGURATIONS)
    folders = {name: random_model(name, out) for name in names}
    stored = {name: class_of(name).from_pretrained(folder, dtype=torch.float32) for name, folder in folders.items()}
    double()
    for name, folder in folders.items():
        golden(name, folder, stored[name])
        print(name, sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)), "bytes")
