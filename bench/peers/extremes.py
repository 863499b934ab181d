"""Values at extreme arguments in 60 digits, for the tests of numeric/ (they read the table and need no Python).

    python bench/peers/extremes.py > packages/mesoscope/src/numeric/extremes.oracle.json

Needs mpmath. Every argument is a double and is taken as it is. A row is {"arguments", "value"}; ±∞ are "inf" and "-inf".
"""

import json
from fractions import Fraction

import mpmath as mp

mp.mp.dps = 60
one = mp.mpf(1)
epsilon = mp.mpf(2) ** -52


def number(x):
    return float(mp.nstr(mp.re(x), 25))


def plain(x):
    """Numbers, matrices and infinities as JSON writes them."""
    if isinstance(x, dict):
        return {key: plain(entry) for key, entry in x.items()}
    if isinstance(x, mp.matrix):
        return [[number(x[i, j]) for j in range(x.cols)] for i in range(x.rows)]
    if isinstance(x, (list, tuple)):
        return [plain(entry) for entry in x]
    if isinstance(x, (bool, int, str)) or x is None:
        return x
    value = x if isinstance(x, float) else number(x)
    return value if abs(value) < float("inf") else "inf" if value > 0 else "-inf"


def table(f, arguments):
    return [{"arguments": plain(list(a)), "value": plain(f(*a))} for a in arguments]


def matrix(rows):
    return mp.matrix([[mp.mpf(x) for x in row] for row in rows])


def of_matrices(f):
    """f on exact matrices, where a list of lists is one."""
    return lambda *arguments: f(*(matrix(a) if isinstance(a, list) and isinstance(a[0], list) else a for a in arguments))


# Distributions


def normal_tail(z):
    return mp.erfc(mp.mpf(z) / mp.sqrt(2)) / 2


def tail_by_density(density, start, width):
    """∫ from start to ∞; the tolerance of the quadrature is absolute."""
    points = [start + step * width for step in range(81)]
    scale = density(start)
    with mp.workdps(40):
        return scale * mp.quad(lambda s: density(s) / scale, points)


def chi_square_tail(x, k):
    k, x = mp.mpf(k), mp.mpf(x)
    if k < 1e6:
        return mp.gammainc(k / 2, x / 2, mp.inf, regularized=True)
    constant = mp.loggamma(k / 2)
    density = lambda s: mp.exp((k / 2 - 1) * mp.log(s / 2) - s / 2 - constant) / 2
    return tail_by_density(density, x, 1 / (mp.mpf(1) / mp.sqrt(2 * k) + abs(1 - k / x)))


def student_tail(t, nu):
    if nu == mp.inf:
        return normal_tail(t)
    t, nu = mp.mpf(t), mp.mpf(nu)
    if t < 0:
        return 1 - student_tail(-t, nu)
    if nu < 1000:
        return beta_parts(nu / 2, one / 2, nu / (nu + t * t))[0] / 2
    # The centre's series is quick; what is left of 1 has as many digits fewer as the tail is small.
    with mp.workdps(80 + int(t * t / 4) + int(mp.log10(nu))):
        return (1 - beta_series(one / 2, nu / 2, t * t / (nu + t * t))) / 2


def root(f, low, high):
    """Bisection on a logarithmic scale: f falls from above 0 to below."""
    low, high = mp.mpf(low), mp.mpf(high)
    for _ in range(100):
        middle = mp.sqrt(low * high)
        low, high = (middle, high) if f(middle) > 0 else (low, middle)
    return mp.sqrt(low * high)


def student_quantile(p, nu):
    p = mp.mpf(p)
    tail = min(p, 1 - p)
    if 1000 <= nu < mp.inf:
        start = mp.log(abs(student_quantile(p, mp.inf)))
        t = mp.exp(mp.findroot(lambda u: mp.log(student_tail(mp.exp(u), nu) / tail), (start, start + mp.mpf(10) ** -8), tol=mp.mpf(10) ** -60))
    else:
        t = root(lambda s: student_tail(s, nu) - tail, mp.mpf(10) ** -20, mp.mpf(10) ** 305)
    return t if p > one / 2 else -t


def beta_series(a, b, x):
    """I_x(a, b) by a series of positive terms (DLMF 8.17.8)."""
    term, total, n = mp.mpf(1), mp.mpf(1), 0
    while term > total * mp.eps:
        term *= (a + b + n) * x / (a + 1 + n)
        total += term
        n += 1
    log_beta = mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)
    return mp.exp(a * mp.log(x) + b * mp.log1p(-x) - log_beta) * total / a


def beta_parts(a, b, x):
    """I_x(a, b) and 1 − I_x, the smaller one without cancellation."""
    if x > a / (a + b):
        upper = beta_series(b, a, 1 - x)
        return 1 - upper, upper
    lower = beta_series(a, b, x)
    return lower, 1 - lower


def beta_quantile(p, a, b):
    p, a, b = mp.mpf(p), mp.mpf(a), mp.mpf(b)
    if a == 1:
        return -mp.expm1(mp.log1p(-p) / b)
    if b == 1:
        return mp.exp(mp.log(p) / a)
    return root(lambda x: p - beta_parts(a, b, x)[0], mp.mpf(10) ** -310, 1)


# Special functions


def stirling_remainder(x):
    x = mp.mpf(x)
    if x > 1e20:
        return 1 / (12 * x)
    return mp.loggamma(x) - ((x - one / 2) * mp.log(x) - x + mp.log(2 * mp.pi) / 2)


def log_gamma_ratio(a, b):
    a, b = mp.mpf(a), mp.mpf(b)
    mp.mp.dps = 400
    value = mp.loggamma(a + b) - mp.loggamma(a)
    mp.mp.dps = 60
    return +value


def log_gap(w):
    mp.mp.dps = 500
    value = mp.mpf(w) - mp.log1p(mp.mpf(w))
    mp.mp.dps = 60
    return +value


def half_line(kind, c):
    c = mp.mpf(c)
    if kind == "power":
        return 1 / (c - 1)
    return mp.sqrt(mp.pi / 2) * mp.erfc(c / mp.sqrt(2)) * mp.exp(c * c / 2)


def incomplete_gamma(a, x):
    a, x = mp.mpf(a), mp.mpf(x)
    mp.mp.dps = 90
    if a < 1e6:
        upper = mp.gammainc(a, x, mp.inf, regularized=True)
        lower = mp.gammainc(a, 0, x, regularized=True)
    else:
        upper = chi_square_tail(2 * x, 2 * a)
        lower = 1 - upper
    mp.mp.dps = 60
    return {"lower": lower, "upper": upper}


def incomplete_beta(a, b, x):
    a, b, x = mp.mpf(a), mp.mpf(b), mp.mpf(x)
    mp.mp.dps = 90
    lower, upper = beta_parts(a, b, x)
    mp.mp.dps = 60
    return {"lower": lower, "upper": upper}


def complex_sqrt(real, imaginary):
    value = mp.sqrt(mp.mpc(real, imaginary))
    return [mp.re(value), mp.im(value)]


# Fits


def interval(centre, radius):
    return [centre - radius, centre + radius]


def line(x, y, confidence):
    n = len(x)
    x, y = [mp.mpf(v) for v in x], [mp.mpf(v) for v in y]
    mx, my = sum(x) / n, sum(y) / n
    sxx = sum((v - mx) ** 2 for v in x)
    slope = sum((u - mx) * (v - my) for u, v in zip(x, y)) / sxx
    intercept = my - slope * mx
    result = {"slope": slope, "intercept": intercept}
    if n == 2:
        return {**result, "slopeInterval": None, "interceptInterval": None, "residualDeviation": 0}
    deviation = mp.sqrt(sum((v - my - slope * (u - mx)) ** 2 for u, v in zip(x, y)) / (n - 2))
    t = -student_quantile((1 - mp.mpf(confidence)) / 2, n - 2)
    return {
        **result,
        "slopeInterval": interval(slope, t * deviation / mp.sqrt(sxx)),
        "interceptInterval": interval(intercept, t * deviation * mp.sqrt(one / n + mx**2 / sxx)),
        "residualDeviation": deviation,
    }


def mean_of(values, confidence):
    n = len(values)
    values = [mp.mpf(v) for v in values]
    mean = sum(values) / n
    deviation = mp.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1))
    t = -student_quantile((1 - mp.mpf(confidence)) / 2, n - 1)
    return {"mean": mean, "deviation": deviation, "interval": interval(mean, t * deviation / mp.sqrt(n))}


def rate(x, y):
    log = lambda values: [mp.log(mp.mpf(v)) for v in values]
    fits = [line(log(x), log(row), 0.95) for row in y]
    slopes = [fit["slope"] for fit in fits]
    result = {"constant": mp.exp(sum(fit["intercept"] for fit in fits) / len(fits)), "slopes": slopes}
    if len(fits) == 1:
        return {**result, "slope": slopes[0], "interval": fits[0]["slopeInterval"]}
    judged = mean_of(slopes, 0.95)
    return {**result, "slope": judged["mean"], "interval": judged["interval"]}


def binomial(successes, trials, confidence):
    tail = (1 - mp.mpf(confidence)) / 2
    rest = trials - successes
    low = 0 if successes == 0 else beta_quantile(tail, successes, rest + 1)
    high = 1 if rest == 0 else 1 - beta_quantile(tail, rest, successes + 1)
    return [low, high]


# Matrices


def flat(m):
    return [m[i, j] for i in range(m.rows) for j in range(m.cols)]


def frobenius(m):
    return mp.sqrt(sum(abs(x) ** 2 for x in flat(m)))


def singular_values(m):
    tall = m if m.rows >= m.cols else m.T
    return sorted(mp.svd_r(tall, compute_uv=False), reverse=True)


def symmetric_function(f):
    def apply(a):
        values, vectors = mp.eigsy(a)
        return vectors * mp.diag([f(x) for x in values]) * vectors.T

    return apply


def spectrum(a):
    """Eigenvalues and the largest condition 1/|yᴴx| of one."""
    values, left, right = mp.eig(a, left=True, right=True)
    n = a.rows
    worst = one
    for i in range(n):
        x, y = right[:, i], left[i, :]
        product = abs(sum(y[k] * x[k] for k in range(n)))
        worst = max(worst, frobenius(x) * frobenius(y) / product if product > 0 else mp.inf)
    order = sorted(values, key=lambda z: (-mp.re(z), abs(mp.im(z))))
    return {"real": [mp.re(z) for z in order], "imaginary": [mp.im(z) for z in order], "condition": min(worst, mp.mpf(10) ** 300)}


def is_singular(rows):
    """By exact fractions."""
    rows = [[Fraction(x) for x in row] for row in rows]
    while rows:
        pivot = next((row for row in rows if row[0] != 0), None)
        if pivot is None:
            return True
        rows.remove(pivot)
        rows = [[x - row[0] / pivot[0] * y for x, y in zip(row[1:], pivot[1:])] for row in rows]
    return False


def known_rank(a):
    values = singular_values(a)
    return sum(1 for x in values if x > max(a.rows, a.cols) * epsilon * values[0])


def pseudo_inverse(a):
    left, values, right = mp.svd_r(a)
    smallest = max(a.rows, a.cols) * epsilon * max(values)
    inverted = mp.diag([1 / x if x > smallest else 0 for x in values])
    return right.T * inverted * left.T


def triangular_factor(a):
    return mp.cholesky(a.T * a).T


def kronecker(a, b):
    return mp.matrix([[a[i // b.rows, j // b.cols] * b[i % b.rows, j % b.cols] for j in range(a.cols * b.cols)] for i in range(a.rows * b.rows)])


def reshaped(x, rows, columns):
    return mp.matrix([[x[i * columns + j] for j in range(columns)] for i in range(rows)])


def sylvester(a, b, c):
    """AX + XB = C, row by row."""
    system = kronecker(a, mp.eye(b.rows)) + kronecker(mp.eye(a.rows), b.T)
    return reshaped(mp.lu_solve(system, mp.matrix(flat(c))), a.rows, b.rows)


def lyapunov(a, m):
    return sylvester(a, a.T, -m)


def integral(w, m, t):
    """∫_0^t e^{Wᵀs} M e^{Ws} ds from WᵀG + GW = e^{Wᵀt}Me^{Wt} − M."""
    e = mp.expm(mp.mpf(t) * w)
    return sylvester(w.T, w, e.T * m * e - m)


def exponential_derivative(x):
    """The derivative E ↦ d e^{X + tE}/dt as an n² × n² matrix, column by column, in blocks [X E; 0 X]."""
    n = x.rows
    columns = []
    for k in range(n * n):
        big = mp.zeros(2 * n, 2 * n)
        for i in range(n):
            for j in range(n):
                big[i, j] = big[n + i, n + j] = x[i, j]
        big[k // n, n + k % n] = 1
        e = mp.expm(big)
        columns.append([e[i, n + j] for i in range(n) for j in range(n)])
    return mp.matrix(columns).T


def root_condition(a):
    x = mp.sqrtm(a).apply(mp.re)
    derivative = kronecker(x, mp.eye(x.rows)) + kronecker(mp.eye(x.rows), x.T)
    return frobenius(a) / (singular_values(derivative)[-1] * frobenius(x))


def logarithm_condition(a):
    x = mp.logm(a).apply(mp.re)
    smallest = singular_values(exponential_derivative(x))[-1]
    return frobenius(a) / (smallest * max(one, frobenius(x)))


hilbert = [[1 / (i + j + 1) for j in range(5)] for i in range(5)]
hilbert3 = [row[:3] for row in hilbert[:3]]
graded = [[1e-8, 1e-9, 0.0], [1e-9, 1.0, 1e3], [0.0, 1e3, 1e8]]
stiff = [[-1e4, 1e3], [0.5, -0.125]]
far = [[1.0, 1e6], [0.0, -1.0]]
dependent = [[1.0, 1.0], [1.0, 1.0 + 1e-8], [1.0, 1.0 - 1e-8]]
rank_one = [[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]
nearly_singular = [[1e-8, 1.0], [0.0, 2e-8]]
lopsided = [[1.0, 1e8], [0.0, 3.0]]
rotation = [[0.0, 40.0], [-40.0, 0.0]]
companion = [[0.0, 0.0, 1e-6], [1.0, 0.0, -1.0], [0.0, 1.0, 1e3]]
large = [[3e200, 4e200], [-5e199, 0.0]]
small = [[3e-200, 4e-200], [-5e-199, 0.0]]
laplacian = [[2.0 if i == j else -1.0 if abs(i - j) == 1 else 0.0 for j in range(12)] for i in range(12)]
# Overscaled by their norms: far from normal.
overscaled = [
    [[1.0, 1e6], [0.0, -1.0]],
    [[0.0, 1e10, 0.0], [0.0, 0.0, 1e-10], [0.0, 0.0, 0.0]],
    [[-1.0, 1e8, 1e3], [0.0, -2.0, 1e4], [0.0, 0.0, -3.0]],
    [[49.0, 24.0], [-64.0, -31.0]],
    [[-131.0, 19.0, 18.0], [-390.0, 56.0, 54.0], [-387.0, 57.0, 52.0]],
    [[-0.1, 1e6], [-2e-6, -0.1]],
]
vectors = [([3e200, 4e200, 1.0],), ([3e-200, 4e-200, 1e-300],), ([1e-320, 5e-324],), ([1.0, 1e-9, 1e9],)]

result = {
    "normalUpperTail": table(normal_tail, [(z,) for z in (-40.0, -5.0, -1e-300, 0.0, 1e-10, 1.0, 5.0, 5.25, 12.5, 37.5, 38.4, mp.inf, -mp.inf)]),
    "normalQuantile": table(lambda p: student_quantile(p, mp.inf), [(p,) for p in (5e-324, 1e-300, 1e-12, 0.3, 0.5 - 2.0**-40, 0.5 + 2.0**-40, 0.975, 1 - 2.0**-53)]),
    "chiSquareUpperTail": table(
        chi_square_tail,
        [
            (1e-300, 1.0), (0.5, 1e-3), (1.0, 1e-10), (1400.0, 1.0), (700.0, 30.0), (1e4, 8e3), (5e3, 8e3), (2.03e4, 2e4), (21000.0, 20002.0),
            (19000.0, 20002.0), (100070000.0, 1e8), (1e12 + 3e6, 1e12), (1e15 + 1e9, 1e15),
        ],
    ),
    "studentUpperTail": table(
        student_tail,
        [
            (2.0, mp.inf), (37.0, mp.inf), (1e200, 1.0), (1e30, 5.0), (1e-20, 3.0), (-3.0, 0.5), (1e10, 0.01), (50.0, 99.0),
            (50.0, 101.0), (30.0, 1e4), (37.0, 1e6), (5.0, 1e9), (10.0, 1e15), (37.0, 1e20), (3.0, 1e40),
        ],
    ),
    "studentQuantile": table(
        student_quantile,
        [(0.975, mp.inf), (1e-300, mp.inf), (5e-324, mp.inf), (0.5 + 2.0**-40, mp.inf), (0.975, 1.0), (1e-300, 1.0), (0.975, 1e6), (1e-12, 30.0), (0.5 + 2.0**-40, 7.0), (1e-20, 1e9)],
    ),
    "betaQuantile": table(
        beta_quantile,
        [(0.025, 1.0, 1000.0), (0.975, 999.0, 2.0), (1e-300, 1.0, 1.0), (1e-30, 2.0, 3.0), (0.5, 0.01, 0.02), (0.025, 300.0, 700.0), (1e-15, 3e3, 7e3)],
    ),
    "betaUpperQuantile": table(
        lambda p, a, b: 1 - beta_quantile(p, b, a),
        [(0.025, 1.0, 1e6), (1e-300, 1.0, 1e6), (1e-30, 2.0, 3.0), (0.025, 30.0, 70.0), (0.5, 1.0, 1.0)],
    ),
    "stirlingRemainder": table(stirling_remainder, [(x,) for x in (1e-300, 0.1, 1.0, 9.99, 10.0, 1e8, 1e300)]),
    "logGamma": table(lambda x: mp.loggamma(mp.mpf(x)), [(x,) for x in (5e-324, 1e-10, 0.5, 1.0, 1.0 + 2.0**-40, 2.0, 9.99, 170.0, 1e10, 1e300)]),
    "logGammaRatio": table(log_gamma_ratio, [(0.1, 1e5), (5.0, 1e-10), (100.0, 1e6), (1e10, 0.5), (1e200, 0.5), (10.0, 1e-300)]),
    "logGap": table(log_gap, [(w,) for w in (1e-150, -1e-10, 1e-10, 0.1, 0.39, 0.41, -0.41, -0.9, -1 + 2.0**-53, 1e10, 1e300)]),
    "halfLineIntegral": table(half_line, [("mills", 0.0), ("mills", 1.0), ("mills", 38.0), ("mills", 1e8), ("power", 1.5), ("power", 1e6)]),
    "incompleteGamma": table(incomplete_gamma, [(1e-10, 1.0), (1e-3, 0.25), (0.5, 1e-300), (0.5, 700.0), (30.0, 30.0), (1e4, 1e4), (1.2e4, 1.1e4), (1.2e4, 1.3e4), (1e8, 1.0002e8)]),
    "incompleteBeta": table(incomplete_beta, [(1e-3, 2.0, 0.5), (0.5, 0.5, 1e-300), (300.0, 700.0, 0.3), (3e3, 9e3, 0.26), (3e3, 9e3, 0.2), (5.0, 0.01, 0.9999)]),
    "wholePower": table(lambda b, n: mp.mpf(b) ** int(n), [(0.999, 100000), (-1.5, 3), (0.0, 0), (2.0, 1023), (1e-3, 107), (1 + 2.0**-30, 2**30), (10.0, 308)]),
    "positivePower": table(lambda b, x: mp.mpf(b) ** mp.mpf(x), [(0.3, 0.5), (1e-300, 1e-3), (5e-324, 0.5), (1.5, 1000.0), (1e300, -1.0), (1 + 2.0**-52, 1e15)]),
    "complexSqrt": table(complex_sqrt, [(1.5e308, 1.5e308), (-1.7e308, 1.0), (5e-324, 0.0), (0.0, -5e-324), (-5e-324, 5e-324), (-1.0, 1e-300), (3.0, -4.0), (-1e-200, 1e200), (0.0, 0.0)]),
    "fitLine": table(
        line,
        [
            ([1e15, 1e15 + 1, 1e15 + 2, 1e15 + 3], [0.0, 1.0, 1.0, 2.0], 0.95),
            ([1e-200, 2e-200, 3e-200, 5e-200], [1e100, 2e100, 4e100, 3e100], 0.95),
            ([0.0, 1.0, 2.0, 3.0], [1e9, 1e9 + 1, 1e9 + 1, 1e9 + 2], 0.95),
            ([1.0, 1 + 2.0**-52, 1 + 2.0**-51], [0.0, 1.0, 1.0], 0.95),
            ([1.0, 2.0, 4.0, 8.0, 1e6], [5.0, 4.0, 6.0, 5.0, 5.5], 1 - 1e-12),
            ([0.0, 1e300], [1e300, -1e300], 0.95),
        ],
    ),
    "meanInterval": table(mean_of, [([1e15, 1e15 + 1, 1e15 + 3], 0.95), ([1e308, 5e307], 0.95), ([1e-310, 3e-310], 0.95), ([1.0, 1 + 2.0**-52, 1.0], 0.95), ([1.0, 2.0, 4.0], 1 - 1e-12)]),
    "fitRate": table(rate, [([2.0, 4.0, 8.0, 16.0], [[1e-200, 3e-201, 6e-202, 2e-202]]), ([1e-9, 1e-8, 1e-7], [[1e300, 1e301, 2e302], [2e300, 1e301, 1e302], [1e300, 3e301, 1e302]])]),
    "binomialInterval": table(binomial, [(0, 1, 0.95), (1, 1, 0.95), (0, 1000000, 0.95), (1000000, 1000000, 0.95), (1, 100, 0.95), (99, 100, 0.95), (50, 100, 0.95), (3, 10, 1 - 1e-12), (0, 100000, 1 - 1e-15)]),
    "dot": table(lambda x, y: sum(mp.mpf(a) * mp.mpf(b) for a, b in zip(x, y)), [([1e200, 1.0, -1e200], [1e100, 1.0, 1e100]), ([1e-200, 1e-150], [1e-100, 1e-150]), ([1e8, 1.0, -1e8], [1e8, 1.0, 1e8])]),
    "norm": table(lambda x: mp.sqrt(sum(mp.mpf(v) ** 2 for v in x)), vectors),
    "largestMagnitude": table(lambda x: max(abs(mp.mpf(v)) for v in x), vectors),
    "addScaled": table(lambda x, alpha, y: [mp.mpf(a) + mp.mpf(alpha) * mp.mpf(b) for a, b in zip(x, y)], [([1.0, 1e200], 1e-16, [3.0, 1e200]), ([1.0, -1e150], -1e100, [1e-100, 1e50])]),
    "multiply": table(of_matrices(lambda a, b: a * b), [(graded, graded), (rank_one, [[1e-200, 1e100]] * 2), (large, small)]),
    "multiplyVector": table(lambda a, x: [r[0] for r in plain(matrix(a) * matrix([[v] for v in x]))], [(graded, [1e8, 1.0, -1e-5]), (large, [1e100, -1e-100])]),
    "outerProduct": table(lambda x, y: mp.matrix([[mp.mpf(a) * mp.mpf(b) for b in y] for a in x]), [([1e200, 1e-200], [1e100, 1e-100, 3.0])]),
    "scale": table(lambda alpha, a: mp.mpf(alpha) * matrix(a), [(1e100, large), (1e-100, small), (-3.0, graded)]),
    "add": table(of_matrices(lambda a, b: a + b), [(large, large), (graded, [[1e8] * 3] * 3)]),
    "subtract": table(of_matrices(lambda a, b: a - b), [(large, large), (graded, [[1e8] * 3] * 3)]),
    "symmetricPart": table(of_matrices(lambda a: (a + a.T) / 2), [(large,), ([[1.7e308, 1.7e308], [1.5e308, -1.7e308]],), (small,)]),
    "trace": table(of_matrices(lambda a: sum(a[i, i] for i in range(a.rows))), [(large,), (graded,), ([[1e16, 0.0], [0.0, -1e16]],)]),
    "frobeniusNorm": table(of_matrices(frobenius), [(large,), (small,), ([[0.0]],), (graded,)]),
    "largestEntry": table(of_matrices(lambda a: max(abs(x) for x in flat(a))), [(large,), (small,)]),
    "oneNorm": table(of_matrices(lambda a: max(sum(abs(a[i, j]) for i in range(a.rows)) for j in range(a.cols))), [(large,), (small,), (graded,)]),
    "inverse": table(of_matrices(lambda a: a**-1), [(hilbert,), (graded,), ([[1e-12, 0.0], [1.0, 1e12]],)]),
    "solve": table(of_matrices(lambda a, b: mp.lu_solve(a, b)), [(hilbert, [[1.0]] * 5), (graded, [[1.0], [1e-8], [1e8]]), ([[1e-200, 1.0], [1.0, 1.0]], [[1.0], [2.0]])]),
    "luFactors": table(of_matrices(lambda a, b: mp.lu_solve(a, b)), [(hilbert, [[1.0]] * 5), ([[1e-200, 1.0], [1.0, 1.0]], [[1.0], [2.0]])]),
    "isSingularToRounding": table(is_singular, [(rank_one[:2],), (hilbert,), (graded,), ([[1e-200, 0.0], [0.0, 1e200]],), ([[0.0, 0.0], [0.0, 1.0]],)]),
    "symmetricEigen": table(of_matrices(lambda a: sorted(mp.eigsy(a, eigvals_only=True))), [(hilbert,), (graded,), ([[1e200, 1e199], [1e199, 1e180]],), ([[1e-200, 3e-201], [3e-201, 2e-200]],)]),
    "positiveSemidefiniteEigen": table(of_matrices(lambda a: [x if x > a.rows * epsilon * max(mp.eigsy(a, eigvals_only=True)) else 0 for x in sorted(mp.eigsy(a, eigvals_only=True))]), [(hilbert,), (rank_one[:2],), ([[1.0, 0.0], [0.0, 1e-14]],)]),
    "spectralFunction": table(of_matrices(symmetric_function(mp.exp)), [(hilbert,), ([[-700.0, 1.0], [1.0, 2.0]],)]),
    "eigenvalues": table(of_matrices(spectrum), [(stiff,), (far,), (companion,), (rotation,), (large,), (small,)]),
    "schurForm": table(of_matrices(spectrum), [(stiff,), (far,), (companion,), (rotation,), (large,), (small,)]),
    "singularValueDecomposition": table(of_matrices(singular_values), [(hilbert,), (large,), (small,), (graded,), (dependent,), (rank_one,), ([[1.0, 2.0, 3.0]],)]),
    "spectralNorm": table(of_matrices(lambda a: singular_values(a)[0]), [(hilbert,), (graded,), (large,)]),
    "numericalRank": table(of_matrices(known_rank), [(hilbert,), (dependent,), (rank_one,), ([[1.0, 0.0], [0.0, 1e-17]],)]),
    "pseudoInverse": table(of_matrices(pseudo_inverse), [(dependent,), (rank_one,), (hilbert,)]),
    "qrDecomposition": table(of_matrices(triangular_factor), [(hilbert,), (dependent,), (stiff,)]),
    "cholesky": table(of_matrices(mp.cholesky), [(hilbert,), ([[1e200, 1e100], [1e100, 2.0]],), (laplacian,)]),
    "solveSylvester": table(of_matrices(sylvester), [(stiff, [[1.0, 0.0], [1e3, 2.0]], [[1.0, 1.0], [1.0, 1.0]]), (far, [[3.0]], [[1.0], [1e-6]])]),
    "solveLyapunov": table(of_matrices(lyapunov), [(stiff, [[1.0, 0.0], [0.0, 1.0]]), ([[-1e-3, 1.0], [0.0, -2e3]], [[1.0, 0.0], [0.0, 1.0]])]),
    "matrixExponential": table(of_matrices(mp.expm), [(a,) for a in (stiff, rotation, [[700.0, 0.0], [1.0, -700.0]], *overscaled)]),
    "symmetricSquareRoot": table(of_matrices(symmetric_function(mp.sqrt)), [(hilbert,), (laplacian,), ([[1e200, 1e100], [1e100, 2.0]],)]),
    "symmetricLogarithm": table(of_matrices(symmetric_function(mp.log)), [(hilbert,), (laplacian,), ([[1e200, 0.0], [0.0, 1e190]],)]),
    "exponentialIntegral": table(of_matrices(integral), [(stiff, [[1.0, 0.0], [0.0, 1.0]], 3.0), ([[1.0, 1e6], [0.0, -2.0]], [[2.0, 1.0], [1.0, 2.0]], 1.5), ([[0.3, 1e-4], [0.0, -40.0]], [[1e-9, 0.0], [0.0, 1e9]], 5.0), ([[0.25]], [[1e10]], -2.0)]),
    "principalLogarithm": table(of_matrices(mp.logm), [(nearly_singular,), (lopsided,), ([[2.0, 1.0], [0.0, 2.0]],)]),
    "logarithmCondition": table(of_matrices(logarithm_condition), [(nearly_singular,), (lopsided,), ([[2.0, 1.0], [0.5, 3.0]],), (hilbert3,)]),
    "principalSquareRoot": table(of_matrices(mp.sqrtm), [(nearly_singular,), (lopsided,), ([[2.0, 1.0], [0.0, 2.0]],)]),
    "squareRootCondition": table(of_matrices(root_condition), [(nearly_singular,), (lopsided,), ([[2.0, 1.0], [0.5, 3.0]],)]),
    "powerIteration": table(of_matrices(lambda a: max(mp.eigsy(a, eigvals_only=True), key=abs)), [(hilbert,), (graded,), ([[-3e200, 1e200], [1e200, 1e200]],)]),
    "smallestEigenpair": table(of_matrices(lambda a: min(mp.eigsy(a, eigvals_only=True))), [(laplacian,), ([[1.0, 1e-3], [1e-3, 1e6]],)]),
    "spectrumUncertainty": table(of_matrices(lambda a: 8 * a.rows * epsilon * frobenius(a) * spectrum(a)["condition"]), [(far,), (companion,), ([[1.0, 0.0], [0.0, 1e-8]],)]),
}
print(json.dumps(result, indent=1))
