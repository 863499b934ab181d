"""The PyTorch, NumPy and (in jax_peer.py) JAX side of the benchmark, driven line by line by bench/src/peer-python.ts.

Each request is one JSON line on standard input, each answer one JSON line on standard output. Inputs are raw
float64 files written by the driver; the last output goes back as a raw float64 file, so that the driver can
check it against the reference backend in the same run.

  {"do": "hello"}                                              -> {"torch": "2.x", "numpy": "2.x"}
  {"do": "prepare", "workload": {...}, "folder": "...", "precision": "f64", "threads": 1, "variant": "fused"}
  {"do": "run", "repeats": 10}                                 -> {"seconds": 0.123}  (of one repetition)
  {"do": "output", "path": "..."}                              -> {"written": n}
"""

import json
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F


def load(folder, name, shape, dtype):
    return torch.from_numpy(np.fromfile(f"{folder}/{name}.bin", dtype=np.float64).reshape(shape)).to(dtype)


def attention_flow(w, folder, dtype, variant, with_gradient):
    """Euler steps of h' = sum of softmax heads (or heads joined by an output matrix), full attention."""
    B, n, d, H, k, v, L = (w[x] for x in ("batch", "tokens", "dimension", "heads", "key", "value", "layers"))
    joined = w["output"]
    h0 = load(folder, "h0", (B, n, d), dtype)
    Q = load(folder, "Q", (L, H * k, d), dtype)
    K = load(folder, "K", (L, H * k, d), dtype)
    V = load(folder, "V", (L, H * v, d), dtype)
    O = load(folder, "O", (L, d, H * v), dtype) if joined else None
    step = w["horizon"] / L
    scale = k ** -0.5
    if not with_gradient:
        stacked = [torch.cat([Q[l], K[l], V[l]]).T.contiguous() for l in range(L)]

    def layer(h, weights, output):
        qkv = h @ weights
        q, key, value = torch.split(qkv, [H * k, H * k, H * v], dim=-1)
        q = q.view(B, n, H, k).transpose(1, 2)
        key = key.view(B, n, H, k).transpose(1, 2)
        value = value.view(B, n, H, v).transpose(1, 2)
        if variant in ("fused", "compiled"):
            out = F.scaled_dot_product_attention(q, key, value, scale=scale)
        else:
            out = torch.softmax((q @ key.transpose(-1, -2)) * scale, dim=-1) @ value
        if joined:
            return out.transpose(1, 2).reshape(B, n, H * v) @ output.T
        return out.sum(1)

    if variant == "compiled":
        layer = torch.compile(layer, dynamic=False)

    def forward():
        with torch.no_grad():
            h = h0
            for l in range(L):
                h = h + step * layer(h, stacked[l], O[l] if joined else None)
            return [h]

    def gradient():
        leaves = [t.detach().requires_grad_(True) for t in (h0, Q, K, V)]
        h, q, key, value = leaves
        for l in range(L):
            h = h + step * layer(h, torch.cat([q[l], key[l], value[l]]).T, None)
        (0.5 * (h * h).sum()).backward()
        return [h.detach()] + [t.grad for t in leaves]

    return gradient if with_gradient else forward


def square_product(w, folder, dtype):
    m = w["size"]
    a, b = load(folder, "a", (m, m), dtype), load(folder, "b", (m, m), dtype)

    def run():
        with torch.no_grad():
            return [a @ b]

    return run


def covariance_flow(w, folder, dtype, library):
    """Classical Runge-Kutta for S' = U S + S U^T with U = sum_h V_h S B_h + W, and m' = (U + sum_h V_h) m + b."""
    P, d, H, steps = w["points"], w["dimension"], w["heads"], w["steps"]
    tau = w["horizon"] / steps
    arrays = [
        load(folder, name, shape, dtype)
        for name, shape in (("m", (P, d, 1)), ("S", (P, d, d)), ("V", (P, H, d, d)), ("B", (P, H, d, d)), ("W", (P, d, d)), ("b", (P, d, 1)))
    ]
    m0, S0, V, B, W, b = arrays if library == "torch" else [a.numpy() for a in arrays]
    total = V.sum(1)

    def slope(m, S):
        U = W + (V[:, 0] @ S @ B[:, 0] if H == 1 else ((V @ S[:, None]) @ B).sum(1))
        US = U @ S
        transposed = US.transpose(-1, -2) if library == "torch" else US.swapaxes(-1, -2)
        return (U + total) @ m + b, US + transposed

    def run():
        with torch.no_grad():
            m, S = m0, S0
            for _ in range(steps):
                a1, k1 = slope(m, S)
                a2, k2 = slope(m + tau / 2 * a1, S + tau / 2 * k1)
                a3, k3 = slope(m + tau / 2 * a2, S + tau / 2 * k2)
                a4, k4 = slope(m + tau * a3, S + tau * k3)
                m = m + tau / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
                S = S + tau / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            return [m, S]

    return run


def sinkhorn(w, folder, dtype, library):
    """Alternating soft minima f_i = -eps log sum_j exp((g_j - |x_i - y_j|^2 / 2) / eps) / n, cost matrix in memory."""
    n, d, eps = w["points"], w["dimension"], w["epsilon"]
    x, y = load(folder, "x", (n, d), dtype), load(folder, "y", (n, d), dtype)
    cost = 0.5 * ((x[:, None] - y[None]) ** 2).sum(-1) / eps
    shift = float(np.log(n))
    if library == "numpy":
        cost = cost.numpy()

    def soft_minimum(scores):
        if library == "torch":
            return -eps * (torch.logsumexp(scores, 1) - shift)
        top = scores.max(1)
        return -eps * (top + np.log(np.exp(scores - top[:, None]).sum(1)) - shift)

    transposed = cost.T.contiguous() if library == "torch" else np.ascontiguousarray(cost.T)

    def run():
        f = x[:, 0] * 0 if library == "torch" else np.zeros(n, dtype=cost.dtype)
        g = f
        with torch.no_grad():
            for _ in range(w["iterations"]):
                f = soft_minimum(g[None] / eps - cost)
                g = soft_minimum(f[None] / eps - transposed)
        return [f, g]

    return run


def heads_step(w, folder, dtype):
    """N times the gradient of the N-head risk: causal heads with values straight to the logits."""
    N, S, n, d, k, C = (w[x] for x in ("heads", "sequences", "tokens", "dimension", "key", "classes"))
    x = load(folder, "x", (S, n, d), dtype)
    labels = load(folder, "labels", (S * n,), torch.float64).long()
    parts = [load(folder, name, shape, dtype) for name, shape in (("Q", (N, k, d)), ("K", (N, k, d)), ("V", (N, C, d)))]
    hidden = torch.triu(torch.ones(n, n, dtype=torch.bool), 1)

    def run():
        Q, K, V = leaves = [t.detach().requires_grad_(True) for t in parts]
        q = (x @ Q.reshape(N * k, d).T).view(S, n, N, k).transpose(1, 2)
        key = (x @ K.reshape(N * k, d).T).view(S, n, N, k).transpose(1, 2)
        scores = (q @ key.transpose(-1, -2) * k**-0.5).masked_fill(hidden, -torch.inf)
        means = torch.softmax(scores, -1) @ x[:, None]
        z = means.transpose(1, 2).reshape(S * n, N * d) @ V.transpose(1, 2).reshape(N * d, C) / N
        risk = F.cross_entropy(z, labels) + w["regularisation"] / 2 * sum((t * t).sum() for t in leaves) / N
        risk.backward()
        return [torch.cat([N * t.grad.reshape(N, -1) for t in leaves], 1)]

    return run


def ensemble_step(w, folder, dtype):
    """Gradient of the square loss of x_L over L layers of H heads, mean over heads, context and token moved alike."""
    L, H, N, m, d, k = (w[x] for x in ("layers", "heads", "contexts", "points", "dimension", "key"))
    points = load(folder, "points", (N, m, d), dtype)
    tokens, targets = (load(folder, name, (N, 1, d), dtype) for name in ("tokens", "targets"))
    h0 = torch.cat([points, tokens], 1)
    parts = [load(folder, name, (L, H * rows, d), dtype) for name, rows in (("Q", k), ("K", k), ("V", d))]

    def run():
        Q, K, V = leaves = [t.detach().requires_grad_(True) for t in parts]
        h = h0
        for l in range(L):
            q = (h @ Q[l].T).view(N, m + 1, H, k).transpose(1, 2)
            key = (h[:, :m] @ K[l].T).view(N, m, H, k).transpose(1, 2)
            value = (h[:, :m] @ V[l].T).view(N, m, H, d).transpose(1, 2)
            h = h + (torch.softmax(q @ key.transpose(-1, -2) * k**-0.5, -1) @ value).mean(1) / L
        (0.5 * ((h[:, m:] - targets) ** 2).sum() / N).backward()
        return [torch.cat([t.grad.reshape(L, -1) for t in leaves], 1)]

    return run


def prepare(request):
    w, folder, variant = request["workload"], request["folder"], request["variant"]
    if variant == "jax":
        import jax_peer

        return jax_peer.prepare(w, folder, request["precision"])
    torch.set_num_threads(request["threads"])
    dtype = torch.float64 if request["precision"] == "f64" else torch.float32
    if w["kind"] == "attention-flow":
        return attention_flow(w, folder, dtype, variant, w["gradient"])
    if w["kind"] == "product":
        return square_product(w, folder, dtype)
    if w["kind"] == "covariance-flow":
        return covariance_flow(w, folder, dtype, variant)
    if w["kind"] == "sinkhorn":
        return sinkhorn(w, folder, dtype, variant)
    if w["kind"] == "heads-step":
        return heads_step(w, folder, dtype)
    if w["kind"] == "ensemble-step":
        return ensemble_step(w, folder, dtype)
    raise ValueError(f"unknown workload kind {w['kind']}")


def main():
    job, last = None, None
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "hello":
            answer = {"torch": torch.__version__, "numpy": np.__version__}
        elif request["do"] == "prepare":
            job, answer = prepare(request), {}
        elif request["do"] == "run":
            start = time.perf_counter()
            for _ in range(request["repeats"]):
                last = job()
            answer = {"seconds": (time.perf_counter() - start) / request["repeats"]}
        else:
            flat = np.concatenate([np.asarray(t, dtype=np.float64).ravel() for t in last])
            flat.tofile(request["path"])
            answer = {"written": int(flat.size)}
        print(json.dumps(answer), flush=True)


main()
