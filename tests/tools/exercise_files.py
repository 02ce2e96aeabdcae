"""What readers may write: right solutions of all exercises, slips in them, and files that cannot be checked."""

# written once more, without anything of the library
SOLUTIONS = {
    "dense_backward": """
        def dense_backward(dout, x, W):
            return W.T @ dout, dout @ x.T, dout.sum(axis=1)
    """,
    "relu_backward": """
        def relu_backward(dout, x):
            return np.where(x > 0, dout, 0)
    """,
    "sigmoid_backward": """
        def sigmoid_backward(dout, out):
            return dout * (out - out**2)
    """,
    "softmax_cross_entropy": """
        def softmax_cross_entropy(z, y):
            z = z - z.max(axis=0)
            log_p = z - np.log(np.exp(z).sum(axis=0))
            return -(y * log_p).sum(axis=0).mean(), (np.exp(log_p) - y) / z.shape[1]
    """,
    "conv2d_forward": """
        def conv2d_forward(x, W, b, stride, padding):
            x = np.pad(x, ((0, 0), *padding, (0, 0)))
            F, C, KH, KW = W.shape
            OH = (x.shape[1] - KH) // stride[0] + 1
            OW = (x.shape[2] - KW) // stride[1] + 1
            out = np.zeros((F, OH, OW, x.shape[3]))
            for oh in range(OH):
                for ow in range(OW):
                    window = x[:, oh * stride[0] :, ow * stride[1] :][:, :KH, :KW]
                    out[:, oh, ow] = np.tensordot(W, window, 3) + b[:, None]
            return out
    """,
    "conv2d_backward": """
        def conv2d_backward(dout, x, W, stride, padding):
            (top, _), (left, _) = padding
            wide = np.pad(x, ((0, 0), *padding, (0, 0)))
            dx, dW = np.zeros(wide.shape), np.zeros(W.shape)
            for oh in range(dout.shape[1]):
                for ow in range(dout.shape[2]):
                    rows = slice(oh * stride[0], oh * stride[0] + W.shape[2])
                    columns = slice(ow * stride[1], ow * stride[1] + W.shape[3])
                    dx[:, rows, columns] += np.einsum("fcij,fn->cijn", W, dout[:, oh, ow])
                    dW += np.einsum("fn,cijn->fcij", dout[:, oh, ow], wide[:, rows, columns])
            dx = dx[:, top : top + x.shape[1], left : left + x.shape[2]]
            return dx, dW, dout.sum(axis=(1, 2, 3))
    """,
    "maxpool2d_backward": """
        def maxpool2d_backward(dout, x, size, stride):
            dx = np.zeros(x.shape)
            for c, oh, ow, n in np.ndindex(dout.shape):
                h, w = oh * stride[0], ow * stride[1]
                window = x[c, h : h + size[0], w : w + size[1], n]
                i, j = np.unravel_index(window.argmax(), window.shape)
                dx[c, h + i, w + j, n] += dout[c, oh, ow, n]
            return dx
    """,
    "batchnorm_backward": """
        def batchnorm_backward(dout, x, gamma, eps):
            N = x.shape[1]
            centred = x - x.mean(axis=1, keepdims=True)
            root = np.sqrt((centred**2).mean(axis=1, keepdims=True) + eps)
            dxhat = gamma[:, None] * dout
            dvar = (dxhat * centred).sum(axis=1, keepdims=True) * -0.5 / root**3
            dmean = -(dxhat / root).sum(axis=1, keepdims=True)
            dx = dxhat / root + dvar * 2 * centred / N + dmean / N
            return dx, (dout * centred / root).sum(axis=1), dout.sum(axis=1)
    """,
    "dropout_backward": """
        def dropout_backward(dout, mask):
            return mask * dout
    """,
    "adam_update": """
        def adam_update(theta, g, m, v, t, lr, beta1, beta2, eps):
            m = m + (1 - beta1) * (g - m)
            v = v + (1 - beta2) * (g**2 - v)
            return theta - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v
    """,
    "dense_forward": """
        def dense_forward(x, W, b):
            return np.einsum("dk,kn->dn", W, x) + b.reshape(-1, 1)
    """,
    "squared_error": """
        def squared_error(out, y):
            return np.mean((y - out) ** 2), (out - y) * 2 / y.size
    """,
    "maxpool2d_forward": """
        def maxpool2d_forward(x, size, stride):
            windows = np.lib.stride_tricks.sliding_window_view(x, size, axis=(1, 2))
            return windows.max(axis=(-2, -1))[:, :: stride[0], :: stride[1]]
    """,
    "batchnorm_forward": """
        def batchnorm_forward(x, gamma, beta, running_mean, running_var, momentum, eps):
            mean = np.mean(x, axis=1, keepdims=True)
            centred = x - mean
            root = np.sqrt(np.mean(centred**2, axis=1, keepdims=True) + eps)
            out = (gamma * (centred / root).T + beta).T
            unbiased = np.var(x, axis=1, ddof=1)
            keep = 1 - momentum
            return (
                out,
                running_mean + keep * (mean[:, 0] - running_mean),
                running_var + keep * (unbiased - running_var),
            )
    """,
    "dropout_forward": """
        def dropout_forward(x, rate, random):
            mask = np.where(random < rate, 0.0, 1 / (1 - rate))
            return mask * x, mask
    """,
    "momentum_update": """
        def momentum_update(theta, g, m, lr, momentum):
            m = g + m * momentum
            return theta - m * lr, m
    """,
    "initialize": """
        def initialize(shape, seed):
            W = np.random.default_rng(seed).normal(0, (2 * shape[0] / np.prod(shape)) ** 0.5, shape)
            return W, 0 * W.reshape(shape[0], -1)[:, 0]
    """,
    "numerical_gradient": """
        def numerical_gradient(f, x, h):
            steps = h * np.eye(x.size).reshape(-1, *x.shape)
            quotients = [(f(x + step) - f(x - step)) / (2 * h) for step in steps]
            return np.array(quotients).reshape(x.shape)
    """,
    "training_loop": """
        def training_loop(theta, x, y, gradient, orders, batch_size, lr, momentum):
            m = 0
            for order in orders:
                for batch in np.split(order, range(batch_size, len(order), batch_size)):
                    m = m * momentum + gradient(theta, x[..., batch], y[:, batch]) / batch.size
                    theta = theta - lr * m
            return theta
    """,
    "lenet5": """
        def lenet5(x, y, W1, b1, W2, b2, W3, b3, W4, b4, orders, batch_size, lr, momentum):
            sizes = np.cumsum([0] + [p.size for p in (W1, b1, W2, b2, W3, b3, W4, b4)])
            shapes = [p.shape for p in (W1, b1, W2, b2, W3, b3, W4, b4)]
            window, losses = ((2, 2), (2, 2)), []

            def unpacked(theta):
                return [theta[a:b].reshape(s) for a, b, s in zip(sizes[:-1], sizes[1:], shapes)]

            def gradient(theta, x, y):
                W1, b1, W2, b2, W3, b3, W4, b4 = unpacked(theta)
                plain = ((1, 1), ((0, 0), (0, 0)))
                r1 = np.maximum(conv2d_forward(x, W1, b1, *plain), 0)
                p1 = maxpool2d_forward(r1, *window)
                r2 = np.maximum(conv2d_forward(p1, W2, b2, *plain), 0)
                p2 = maxpool2d_forward(r2, *window)
                row = p2.reshape(256, -1)
                r3 = np.maximum(dense_forward(row, W3, b3), 0)
                loss, dz = softmax_cross_entropy(dense_forward(r3, W4, b4), y)
                losses.append(loss)
                dr3, *g4 = dense_backward(dz, r3, W4)
                drow, *g3 = dense_backward(relu_backward(dr3, r3), row, W3)
                dr2 = maxpool2d_backward(drow.reshape(p2.shape), r2, *window)
                dp1, *g2 = conv2d_backward(relu_backward(dr2, r2), p1, W2, *plain)
                dr1 = maxpool2d_backward(dp1, r1, *window)
                _, *g1 = conv2d_backward(relu_backward(dr1, r1), x, W1, *plain)
                return np.hstack([g.ravel() * y.shape[1] for g in (*g1, *g2, *g3, *g4)])

            theta = np.hstack([p.ravel() for p in (W1, b1, W2, b2, W3, b3, W4, b4)])
            theta = training_loop(theta, x, y, gradient, orders, batch_size, lr, momentum)
            return np.array(losses), *unpacked(theta)
    """,
}

# exercise, what the right solution has, what stands there instead, what must be said
SLIPS = [
    ("dense_backward", "W.T @ dout", "W @ dout", "dx.*W is not transposed"),
    ("dense_backward", "dout @ x.T", "(dout @ x.T).T", "dW.*it is transposed"),
    ("dense_backward", "dout @ x.T", "dout @ x.T / x.shape[1]", "dW.*divided by the batch once too often"),
    ("dense_backward", "dout.sum(axis=1)", "dout.mean(axis=1)", "db.*mean is taken, but the sum is wanted"),
    (
        "dense_backward",
        "dout.sum(axis=1)",
        "dout",
        r"db.*came \(3, 3\), wanted \(3,\); the sum over the batch is missing",
    ),
    (
        "dense_backward",
        "dout.sum(axis=1)",
        "dout.sum(axis=1, keepdims=True) / len(dout.T)",
        r"db.*an axis of length 1 is kept: db is \(D,\), not \(D, 1\); and divided by the batch",
    ),
    ("dense_backward", "dout.sum(axis=1)", "dout[:, 0] * 3", "db.*no mistake that is known"),
    ("dense_forward", 'np.einsum("dk,kn->dn", W, x) + b.reshape(-1, 1)', "x @ W + b", "written for rows"),
    ("dense_backward", "W.T @ dout, dout @ x.T", "dout @ x.T, W.T @ dout", "dW stands in the place of dx"),
    ("dense_backward", "W.T @ dout", "-W.T @ dout", "dx.*the sign is wrong"),
    ("dense_backward", "W.T @ dout", "3 * W.T @ dout", "dx.*every number is 3 times the right one"),
    ("dense_backward", "W.T @ dout", "W.T @ dout + 0.1", "dx.*no mistake that is known"),
    ("dense_backward", "W.T @ dout", "W.T @ dout + 1", "dx.*every number is 1 too large: does it begin as np.ones"),
    ("dense_backward", "W.T @ dout", "x + W.T @ dout", "dx.*x is added to it"),
    ("dense_backward", "dout @ x.T", "W - dout @ x.T", "dW.*W minus dW comes back"),
    ("dense_backward", "W.T @ dout", "x * (W.T @ dout)", "dx.*it is multiplied by x"),
    ("dense_backward", "W.T @ dout", "np.trunc(W.T @ dout)", "dx.*the fractions are cut off"),
    ("dense_backward", "dout.sum(axis=1)", "dout.sum(axis=1) * (np.arange(len(W)) < len(W) - 1)", "loop end too early"),
    ("dense_backward", "W.T @ dout", "W.T @ dout * np.eye(dout.shape[1])[0]", "axis 1 is 0: does return stand inside"),
    ("dense_backward", "W.T @ dout", "W.T @ dout.astype('f')", "dx: right to five digits or more.*float32"),
    ("relu_backward", "x > 0", "dout > 0", "the mask asks dout instead of x"),
    ("relu_backward", "x > 0", "x < 0", "the mask is inverted, and leaves 0 out"),
    (
        "sigmoid_backward",
        "(out - out**2)",
        "(1 / (1 + np.exp(-out)) * (1 - 1 / (1 + np.exp(-out))))",
        "of the output instead",
    ),
    (
        "softmax_cross_entropy",
        "z - z.max(axis=0)",
        "z * 1.0",
        "loss.*NaN.*largest of each column.*\n.*dz.*inside the log",
    ),
    ("softmax_cross_entropy", "- y) / z.shape[1]", "- y)", "dz.*not divided by N"),
    ("softmax_cross_entropy", "- y) / z.shape[1]", "- y) / len(z)", "dz: divided by the number of classes: N is"),
    ("softmax_cross_entropy", "- y) / z.shape[1]", "- (y == 1)) / z.shape[1]", "dz: y is not .*elsewhere it is right"),
    ("softmax_cross_entropy", "np.exp(z).sum(axis=0)", "np.exp(z).sum()", "loss: the sum of exp runs over all images"),
    (
        "softmax_cross_entropy",
        "- y) / z.shape[1]",
        "- y[:, :1]) / z.shape[1]",
        "dz: right for one image, wrong for several",
    ),
    (
        "softmax_cross_entropy",
        "z.max(axis=0)",
        "z.max()",
        "loss.*each column has its own.*\n.*dz.*each column has its own",
    ),
    (
        "softmax_cross_entropy",
        "y * log_p",
        "y * np.log(np.exp(log_p) + 1e-12)",
        "loss: with eps = 1e-12 log p is at least -28",
    ),
    (
        "softmax_cross_entropy",
        "y * log_p",
        "y * np.log(np.clip(np.exp(log_p), 1e-9, 1))",
        "loss: with eps = 1e-09|1e-9",
    ),
    (
        "softmax_cross_entropy",
        "z = z - z.max(axis=0)",
        "z = np.exp(z - z.max(axis=0)); z = z / z.sum(axis=0)",
        "loss: softmax is applied twice.*\ndz: softmax is applied twice",
    ),
    ("softmax_cross_entropy", "- y) / z.shape[1]", "+ y) / z.shape[1]", "dz.*no mistake that is known"),
    ("conv2d_forward", "tensordot(W,", "tensordot(W[:, :, ::-1, ::-1],", "the kernel is flipped"),
    (
        "conv2d_backward",
        "range(dout.shape[2])",
        "range(dout.shape[1])",
        "dx: wrong only for these inputs: as many filters as channels, square kernel / padding .with padding, pixel h",
    ),
    ("conv2d_forward", " + b[:, None]", "", "the bias is missing"),
    ("conv2d_forward", "ow * stride[1] :]", "ow * stride[0] :]", "the stride is forgotten"),
    (
        "conv2d_forward",
        "*padding, (0, 0))",
        "*padding, (0, 0)), 'edge'",
        "out: wrong only for these inputs: every axis .*/ padding .with padding, pixel h .*/ stride .1, 2. and padding",
    ),
    ("conv2d_backward", "dx[:, rows, columns] +=", "dx[:, rows, columns] =", "windows overwrite each other"),
    (
        "conv2d_backward",
        "dx[:, top : top",
        "dx[:, 0 : 0",
        "off by the padding: the border's rows are cut off",
    ),
    (
        "conv2d_backward",
        "top : top + x.shape[1], left : left + x.shape[2]",
        ": x.shape[1], : x.shape[2]",
        "off by the padding",
    ),
    ("maxpool2d_backward", "] += dout", "] = dout", "must add up what they send"),
    ("maxpool2d_backward", "dx[c, h + i, w + j, n]", "dx[c, h:h+size[0], w:w+size[1], n]", "every pixel of the window"),
    ("batchnorm_backward", " + dvar * 2 * centred / N", "", "the path through the variance is missing"),
    ("batchnorm_backward", " + dmean / N", "", "the path through the mean is missing"),
    (
        "batchnorm_backward",
        "dx = dxhat / root + dvar * 2 * centred / N + dmean / N",
        "dx = dxhat / root",
        "taken as constants",
    ),
    ("dropout_backward", "mask * dout", "(mask == 0) * dout", "the mask is inverted"),
    (
        "adam_update",
        "(m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)",
        "m / (np.sqrt(v) + eps)",
        "bias correction is",
    ),
]

# what FILE.py holds ("DEF" stands for the function's first line), and what must be said about it
FAILURES = {
    "wrong syntax": ("def dense_backward(dout, x, W:\n    pass", "mine.py is not Python: .*line 1"),
    "no such module": ("import numpyy", r"ModuleNotFoundError in line 1 \(import numpyy\): No module named 'numpyy'"),
    "a file that is not there": (
        "from relu_backward import relu_backward",
        "No module named 'relu_backward': .* name your file relu_backward.py and put it beside mine.py",
    ),
    "no such function": ("def dense_backwards(x):\n    pass", "no function dense_backward: .*dense_backwards"),
    "no function": ("dense_backward = 3", "dense_backward in mine.py is no function, but of the type int"),
    "arguments in another order": (
        "def dense_backward(x, W, dout):\n    return W.T @ dout, dout @ x.T, dout.sum(1)",
        r"another order in dense_backward\(x, W, dout\): write def dense_backward\(dout, x, W\)",
    ),
    "other arguments": (
        "def dense_backward(dout, x):\n    pass",
        r"dense_backward\(dout, x\) does not take 3 arguments",
    ),
    "an exception": ("DEF\n    y = 1\n    return dout[99]", r"IndexError in line 3 \(return dout\[99\]\)"),
    "exit": ("import sys\nDEF\n    sys.exit(0)", "ends Python by sys.exit in line 3"),
    "exit at once": ("raise SystemExit", "ends Python by sys.exit in line 1"),
    "a hard exit": ("import os\nos._exit(0)", "ended Python before"),
    "a hard exit with a code": ("import os\nos._exit(3)", r"ended Python \(exit code 3\) before"),
    "a crash": ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "crashed Python .signal SIGSEGV"),
    "nothing": ("DEF\n    W.T @ dout", r"nothing \(None\) came back, but 3 are wanted"),
    "three lists": (
        "DEF\n    return (W.T @ dout).tolist(), (dout @ x.T).tolist(), dout.sum(axis=1).tolist()",
        "dx is of the type list, but an array of NumPy is wanted: make one by np.array.*\n.*dW is of the type list",
    ),
    "a dictionary": ("DEF\n    return dict(dx=x)", "one value of the type dict came back, but 3 are wanted"),
    "a generator": ("DEF\n    yield x", "one value of the type generator came back, but 3 are wanted"),
    "an array of objects": (
        "DEF\n    return x.astype(object), x, x",
        "dx is of the type array of object, but one of float64",
    ),
    "one of three": ("DEF\n    return W.T @ dout", "one value of the type array came back, but 3 are wanted"),
    "two of three": ("DEF\n    return W.T @ dout, dout @ x.T", "2 values came back, but 3 are wanted"),
    "one number of three": ("DEF\n    return (W.T @ dout).sum(), 1.0", "2 values came back, but 3 are wanted"),
    "no array": ("DEF\n    return W.T @ dout, None, 'b'", "dW is nothing .None.*\ndb is of the type str"),
    "whole numbers": ("DEF\n    return W.T @ dout, dout @ x.T, dout.sum(1).astype(int)", "db is int64, but .* float64"),
    "single precision": (
        "DEF\n    return W.T @ dout, dout @ x.T, dout.sum(1).astype('f')",
        "db is float32, but .* float64",
    ),
    "far too large": ("import numpy as np\nDEF\n    return dout, x, np.zeros(5_000_000)", "far too large"),
    "memory": ("import numpy as np\nDEF\n    return np.zeros(400_000_000)", "not enough memory.*in line 3"),
    "input": ("DEF\n    return input()", r"EOFError in line 2 \(return input\(\)\)"),
    "not written": ("DEF\n    raise NotImplementedError", "dense_backward is not written yet"),
    "changes": (
        "DEF\n    dx = W.T @ dout\n    dout *= 2\n    return dx, dout @ x.T / 2, dout.sum(1) / 2",
        "the argument dout was changed in place",
    ),
}
