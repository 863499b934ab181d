"""The JAX side: `prepare(workload, folder, precision)` returns a job that returns arrays, compiled by jax.jit for the CPU."""

import os

# One thread, as everybody else; read when XLA starts.
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)


def load(folder, name, shape, dtype):
    return jnp.asarray(np.fromfile(f"{folder}/{name}.bin", dtype=np.float64).reshape(shape), dtype)


def attention_flow(w, folder, dtype):
    """Euler steps of h' = sum of softmax heads (or heads joined by an output matrix); a scan over layers."""
    B, n, d, H, k, v, L = (w[x] for x in ("batch", "tokens", "dimension", "heads", "key", "value", "layers"))
    h0 = load(folder, "h0", (B, n, d), dtype)
    weights = [load(folder, name, (L, H, rows, d), dtype) for name, rows in (("Q", k), ("K", k), ("V", v))]
    if w["output"]:
        weights.append(load(folder, "O", (L, d, H, v), dtype))
    step, scale = w["horizon"] / L, k**-0.5

    def layer(h, parts):
        q, key, value = (jnp.einsum("bnd,hkd->bhnk", h, part) for part in parts[:3])
        attended = jax.nn.softmax(jnp.einsum("bhik,bhjk->bhij", q, key) * scale, -1) @ value
        moved = jnp.einsum("bhnv,dhv->bnd", attended, parts[3]) if w["output"] else attended.sum(1)
        return h + step * moved, None

    def flow(h, parts):
        return jax.lax.scan(layer, h, tuple(parts))[0]

    def half_square(h, parts):
        last = flow(h, parts)
        return 0.5 * (last * last).sum(), last

    if not w["gradient"]:
        forward = jax.jit(flow)
        return lambda: [forward(h0, weights)]
    gradient = jax.jit(jax.value_and_grad(half_square, (0, 1), has_aux=True))

    def run():
        (_, last), (by_state, by_weights) = gradient(h0, weights)
        return [last, by_state, *by_weights]

    return run


def square_product(w, folder, dtype):
    m = w["size"]
    a, b = load(folder, "a", (m, m), dtype), load(folder, "b", (m, m), dtype)
    product = jax.jit(jnp.matmul)
    return lambda: [product(a, b)]


def covariance_flow(w, folder, dtype):
    """Classical Runge-Kutta for S' = U S + S U^T with U = sum_h V_h S B_h + W, and m' = (U + sum_h V_h) m + b."""
    P, d, H, steps = w["points"], w["dimension"], w["heads"], w["steps"]
    tau = w["horizon"] / steps
    shapes = (("m", (P, d, 1)), ("S", (P, d, d)), ("V", (P, H, d, d)), ("B", (P, H, d, d)), ("W", (P, d, d)), ("b", (P, d, 1)))
    m0, S0, V, B, W, b = (load(folder, name, shape, dtype) for name, shape in shapes)

    def slope(m, S):
        U = W + ((V @ S[:, None]) @ B).sum(1)
        US = U @ S
        return (U + V.sum(1)) @ m + b, US + US.swapaxes(-1, -2)

    def step(_, state):
        m, S = state
        a1, k1 = slope(m, S)
        a2, k2 = slope(m + tau / 2 * a1, S + tau / 2 * k1)
        a3, k3 = slope(m + tau / 2 * a2, S + tau / 2 * k2)
        a4, k4 = slope(m + tau * a3, S + tau * k3)
        return m + tau / 6 * (a1 + 2 * a2 + 2 * a3 + a4), S + tau / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    flow = jax.jit(lambda m, S: jax.lax.fori_loop(0, steps, step, (m, S)))
    return lambda: list(flow(m0, S0))


def sinkhorn(w, folder, dtype):
    """Alternating soft minima f_i = -eps log sum_j exp((g_j - |x_i - y_j|^2 / 2) / eps) / n, cost matrix in memory."""
    n, d, eps = w["points"], w["dimension"], w["epsilon"]
    x, y = load(folder, "x", (n, d), dtype), load(folder, "y", (n, d), dtype)
    cost = 0.5 * ((x[:, None] - y[None]) ** 2).sum(-1) / eps

    def soft_minimum(scores):
        return -eps * (jax.scipy.special.logsumexp(scores, 1) - jnp.log(jnp.asarray(n, dtype)))

    def both(_, potentials):
        f = soft_minimum(potentials[1][None] / eps - cost)
        return f, soft_minimum(f[None] / eps - cost.T)

    iterate = jax.jit(lambda f, g: jax.lax.fori_loop(0, w["iterations"], both, (f, g)))
    nothing = jnp.zeros(n, dtype)
    return lambda: list(iterate(nothing, nothing))


def prepare(w, folder, precision):
    dtype = jnp.float64 if precision == "f64" else jnp.float32
    kinds = {"attention-flow": attention_flow, "product": square_product, "covariance-flow": covariance_flow, "sinkhorn": sinkhorn}
    job = kinds[w["kind"]](w, folder, dtype)
    return lambda: jax.block_until_ready(job())
