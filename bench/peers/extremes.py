"""Values at extreme arguments in 60 digits, for the tests of numeric/ (they read the table and need no Python).

    python bench/peers/extremes.py > packages/mesoscope/src/numeric/extremes.oracle.json

Needs mpmath. Every argument is a double and is taken as it is.
"""

import json

import mpmath as mp

mp.mp.dps = 60
one = mp.mpf(1)


def number(x):
    return float(mp.nstr(mp.re(x), 25))


def normal_tail(z):
    return mp.erfc(mp.mpf(z) / mp.sqrt(2)) / 2


def chi_square_tail(x, k):
    return mp.gammainc(mp.mpf(k) / 2, mp.mpf(x) / 2, mp.inf, regularized=True)


def student_density(nu):
    nu = mp.mpf(nu)
    constant = mp.exp(mp.loggamma((nu + 1) / 2) - mp.loggamma(nu / 2)) / mp.sqrt(nu * mp.pi)
    return lambda s: constant * mp.exp(-(nu + 1) / 2 * mp.log1p(s * s / nu))


def student_tail(t, nu):
    if nu == mp.inf:
        return normal_tail(t)
    t, nu = mp.mpf(t), mp.mpf(nu)
    if t < 0:
        return 1 - student_tail(-t, nu)
    if nu < 1e8:
        return mp.betainc(nu / 2, one / 2, 0, nu / (nu + t * t), regularized=True) / 2
    points = [t + step / (1 + t) for step in range(161)]
    # The tolerance of the quadrature is absolute.
    density = student_density(nu)
    return density(t) * mp.quad(lambda s: density(s) / density(t), points)


def root(f, low, high):
    """Bisection on a logarithmic scale: f falls from above 0 to below."""
    low, high = mp.mpf(low), mp.mpf(high)
    for _ in range(120):
        middle = mp.sqrt(low * high)
        low, high = (middle, high) if f(middle) > 0 else (low, middle)
    low, high = low, high
    return mp.sqrt(low * high)


def student_quantile(p, nu):
    p = mp.mpf(p)
    tail = min(p, 1 - p)
    t = root(lambda s: student_tail(s, nu) - tail, mp.mpf(10) ** -20, mp.mpf(10) ** 305)
    return t if p > one / 2 else -t


def beta_quantile(p, a, b):
    p = mp.mpf(p)
    return root(lambda x: p - mp.betainc(a, b, 0, x, regularized=True), mp.mpf(10) ** -310, 1)


def matrix(rows):
    return mp.matrix([[mp.mpf(x) for x in row] for row in rows])


def rows_of(m):
    return [[number(m[i, j]) for j in range(m.cols)] for i in range(m.rows)]


def table(f, arguments):
    return [{"arguments": ["inf" if x == mp.inf else x for x in a], "value": number(f(*a))} for a in arguments]


def lyapunov(a, m):
    n = a.rows
    system = mp.matrix(n * n, n * n)
    for i in range(n):
        for j in range(n):
            for k in range(n):
                system[i * n + j, k * n + j] += a[i, k]
                system[i * n + j, i * n + k] += a[j, k]
    x = mp.lu_solve(system, -mp.matrix([m[i, j] for i in range(n) for j in range(n)]))
    return mp.matrix(n, n) + mp.matrix([[x[i * n + j] for j in range(n)] for i in range(n)])


hilbert = [[1 / (i + j + 1) for j in range(5)] for i in range(5)]
graded = [[1e-8, 1e-9, 0], [1e-9, 1.0, 1e3], [0, 1e3, 1e8]]
stiff = [[-1e4, 1e3], [0.5, -0.125]]
far = [[1.0, 1e6], [0.0, -1.0]]

result = {
    "normalUpperTail": table(normal_tail, [(z,) for z in (-40.0, -5.0, -1e-300, 0.0, 1e-10, 1.0, 5.0, 5.25, 12.5, 37.5)]),
    "chiSquareUpperTail": table(
        chi_square_tail,
        [(1e-300, 1.0), (0.5, 1e-3), (1.0, 1e-10), (1400.0, 1.0), (700.0, 30.0), (1e4, 8e3), (5e3, 8e3), (2.03e4, 2e4), (21000.0, 20002.0), (19000.0, 20002.0)],
    ),
    "studentUpperTail": table(
        student_tail,
        [
            (2.0, mp.inf), (37.0, mp.inf), (1e200, 1.0), (1e30, 5.0), (1e-20, 3.0), (-3.0, 0.5), (1e10, 0.01), (50.0, 99.0),
            (50.0, 101.0), (30.0, 1e4), (37.0, 1e6), (5.0, 1e9), (10.0, 1e15), (37.0, 1e20),
        ],
    ),
    "studentQuantile": table(
        student_quantile,
        [(0.975, mp.inf), (1e-300, mp.inf), (5e-324, mp.inf), (0.5 + 2.0**-40, mp.inf), (0.975, 1.0), (1e-300, 1.0), (0.975, 1e6), (1e-12, 30.0), (0.5 + 2.0**-40, 7.0), (1e-20, 1e9)],
    ),
    "betaQuantile": table(
        beta_quantile,
        [(0.025, 1.0, 1000.0), (0.975, 999.0, 2.0), (1e-300, 1.0, 1.0), (1e-30, 2.0, 3.0), (0.5, 0.01, 0.02), (0.025, 300.0, 700.0)],
    ),
    "matrixExponential": [{"matrix": a, "value": rows_of(mp.expm(matrix(a)))} for a in (stiff, far, [[0.0, 40.0], [-40.0, 0.0]], [[700.0, 0.0], [1.0, -700.0]])],
    "inverse": [{"matrix": a, "value": rows_of(matrix(a) ** -1)} for a in (hilbert, graded)],
    "symmetricEigen": [{"matrix": a, "value": [number(x) for x in sorted(mp.eigsy(matrix(a), eigvals_only=True))]} for a in (hilbert, graded)],
    "solveLyapunov": [{"matrix": a, "value": rows_of(lyapunov(matrix(a), mp.eye(2)))} for a in (stiff, [[-1e-3, 1.0], [0.0, -2e3]])],
    "principalLogarithm": [{"matrix": a, "value": rows_of(mp.logm(matrix(a)))} for a in ([[1e-8, 1.0], [0.0, 2e-8]], [[1.0, 1e8], [0.0, 3.0]])],
    "principalSquareRoot": [{"matrix": a, "value": rows_of(mp.sqrtm(matrix(a)))} for a in ([[1e-8, 1.0], [0.0, 2e-8]], [[1.0, 1e8], [0.0, 3.0]])],
}
print(json.dumps(result, indent=1))
