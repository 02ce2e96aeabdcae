"""Right solutions once more, as a reader writes them who thinks in single numbers: loops over every index."""

LOOPS = {
    "dense_forward": """
        def dense_forward(x, W, b):
            out = np.empty((len(W), x.shape[1]))
            for d in range(len(W)):
                for n in range(x.shape[1]):
                    out[d, n] = b[d]
                    for k in range(len(x)):
                        out[d, n] += W[d, k] * x[k, n]
            return out
    """,
    "dense_backward": """
        def dense_backward(dout, x, W):
            dx, dW, db = np.zeros(x.shape), np.zeros(W.shape), np.zeros(len(W))
            for d in range(dout.shape[0]):
                for n in range(dout.shape[1]):
                    db[d] += dout[d, n]
                    for k in range(x.shape[0]):
                        dW[d, k] += dout[d, n] * x[k, n]
                        dx[k, n] += dout[d, n] * W[d, k]
            return dx, dW, db
    """,
    "relu_backward": """
        def relu_backward(dout, x):
            dx = dout.copy()
            dx[x <= 0] = 0
            return dx
    """,
    "sigmoid_backward": """
        def sigmoid_backward(dout, out):
            dx = np.zeros(out.shape)
            for i in np.ndindex(out.shape):
                dx[i] = dout[i] * out[i] * (1 - out[i])
            return dx
    """,
    "squared_error": """
        def squared_error(out, y):
            loss, dout = 0.0, np.zeros(out.shape)
            for i in np.ndindex(out.shape):
                loss += (out[i] - y[i]) ** 2 / out.size
                dout[i] = 2 * (out[i] - y[i]) / out.size
            return loss, dout
    """,
    "softmax_cross_entropy": """
        def softmax_cross_entropy(z, y):
            K, N = z.shape
            loss, dz = 0.0, np.zeros((K, N))
            for n in range(N):
                top = max(z[:, n])
                total = sum(math.exp(z[k, n] - top) for k in range(K))
                for k in range(K):
                    log_p = z[k, n] - top - math.log(total)
                    loss -= y[k, n] * log_p / N
                    dz[k, n] = (math.exp(log_p) - y[k, n]) / N
            return loss, dz
    """,
    "conv2d_forward": """
        def conv2d_forward(x, W, b, stride, padding):
            (C, H, width, N), (F, _, KH, KW) = x.shape, W.shape
            (top, bottom), (left, right) = padding
            OH = (H + top + bottom - KH) // stride[0] + 1
            OW = (width + left + right - KW) // stride[1] + 1
            out = np.zeros((F, OH, OW, N))
            for f, oh, ow, n in np.ndindex(out.shape):
                out[f, oh, ow, n] = b[f]
                for c, i, j in np.ndindex(C, KH, KW):
                    h, w = oh * stride[0] + i - top, ow * stride[1] + j - left
                    if 0 <= h < H and 0 <= w < width:
                        out[f, oh, ow, n] += W[f, c, i, j] * x[c, h, w, n]
            return out
    """,
    "conv2d_backward": """
        def conv2d_backward(dout, x, W, stride, padding):
            dx, dW, db = np.zeros(x.shape), np.zeros(W.shape), np.zeros(len(W))
            (_, H, width, _), (_, C, KH, KW) = x.shape, W.shape
            for f, oh, ow, n in np.ndindex(dout.shape):
                g = dout[f, oh, ow, n]
                db[f] += g
                for c, i, j in np.ndindex(C, KH, KW):
                    h, w = oh * stride[0] + i - padding[0][0], ow * stride[1] + j - padding[1][0]
                    if 0 <= h < H and 0 <= w < width:
                        dW[f, c, i, j] += g * x[c, h, w, n]
                        dx[c, h, w, n] += g * W[f, c, i, j]
            return dx, dW, db
    """,
    "maxpool2d_forward": """
        def maxpool2d_forward(x, size, stride):
            C, H, W, N = x.shape
            out = np.full((C, (H - size[0]) // stride[0] + 1, (W - size[1]) // stride[1] + 1, N), -np.inf)
            for c, oh, ow, n in np.ndindex(out.shape):
                for i in range(size[0]):
                    for j in range(size[1]):
                        pixel = x[c, oh * stride[0] + i, ow * stride[1] + j, n]
                        if pixel > out[c, oh, ow, n]:
                            out[c, oh, ow, n] = pixel
            return out
    """,
    "maxpool2d_backward": """
        def maxpool2d_backward(dout, x, size, stride):
            dx = np.zeros_like(x)
            for c, oh, ow, n in np.ndindex(dout.shape):
                best = None
                for i in range(size[0]):
                    for j in range(size[1]):
                        h, w = oh * stride[0] + i, ow * stride[1] + j
                        if best is None or x[c, h, w, n] > x[c, best[0], best[1], n]:
                            best = h, w
                dx[c, best[0], best[1], n] += dout[c, oh, ow, n]
            return dx
    """,
    "batchnorm_forward": """
        def batchnorm_forward(x, gamma, beta, running_mean, running_var, momentum, eps):
            C, N = x.shape
            out, new_mean, new_var = np.zeros((C, N)), running_mean.copy(), running_var.copy()
            for c in range(C):
                mean = sum(x[c, n] for n in range(N)) / N
                var = sum((x[c, n] - mean) ** 2 for n in range(N)) / N
                for n in range(N):
                    out[c, n] = gamma[c] * (x[c, n] - mean) / math.sqrt(var + eps) + beta[c]
                new_mean[c] = momentum * new_mean[c] + (1 - momentum) * mean
                new_var[c] = momentum * new_var[c] + (1 - momentum) * var * N / (N - 1)
            return out, new_mean, new_var
    """,
    "batchnorm_backward": """
        def batchnorm_backward(dout, x, gamma, eps):
            C, N = x.shape
            dx, dgamma, dbeta = np.zeros((C, N)), np.zeros(C), np.zeros(C)
            for c in range(C):
                mean = sum(x[c]) / N
                s = math.sqrt(sum((each - mean) ** 2 for each in x[c]) / N + eps)
                xhat = [(each - mean) / s for each in x[c]]
                for n in range(N):
                    dgamma[c] += dout[c, n] * xhat[n]
                    dbeta[c] += dout[c, n]
                for i in range(N):
                    for m in range(N):
                        dx[c, i] += gamma[c] * dout[c, m] * ((i == m) - 1 / N - xhat[m] * xhat[i] / N) / s
            return dx, dgamma, dbeta
    """,
    "dropout_forward": """
        def dropout_forward(x, rate, random):
            out, mask = np.zeros(x.shape), np.zeros(x.shape)
            for i in np.ndindex(x.shape):
                if random[i] >= rate:
                    mask[i] = 1 / (1 - rate)
                out[i] = mask[i] * x[i]
            return out, mask
    """,
    "dropout_backward": """
        def dropout_backward(dout, mask):
            dx = np.zeros(dout.shape)
            for i in np.ndindex(dout.shape):
                if mask[i]:
                    dx[i] = dout[i] * mask[i]
            return dx
    """,
    "momentum_update": """
        def momentum_update(theta, g, m, lr, momentum):
            theta, m = theta.copy(), m.copy()
            for i in range(len(theta)):
                m[i] = momentum * m[i] + g[i]
                theta[i] -= lr * m[i]
            return theta, m
    """,
    "adam_update": """
        def adam_update(theta, g, m, v, t, lr, beta1, beta2, eps):
            theta, m, v = theta.copy(), m.copy(), v.copy()
            for i in range(len(theta)):
                m[i] = beta1 * m[i] + (1 - beta1) * g[i]
                v[i] = beta2 * v[i] + (1 - beta2) * g[i] ** 2
                theta[i] -= lr * m[i] / (1 - beta1**t) / (math.sqrt(v[i] / (1 - beta2**t)) + eps)
            return theta, m, v
    """,
    "initialize": """
        def initialize(shape, seed):
            fan_in = 1
            for k in shape[1:]:
                fan_in *= k
            W = np.random.default_rng(seed).standard_normal(shape)
            for i in np.ndindex(shape):
                W[i] *= math.sqrt(2 / fan_in)
            return W, np.array([0.0] * shape[0])
    """,
    "numerical_gradient": """
        def numerical_gradient(f, x, h):
            dx, x = np.zeros(x.size), x.copy()
            flat = x.reshape(-1)
            for k in range(x.size):
                old = flat[k]
                flat[k] = old + h
                above = f(x)
                flat[k] = old - h
                below = f(x)
                flat[k] = old
                dx[k] = (above - below) / (2 * h)
            return dx.reshape(x.shape)
    """,
    "training_loop": """
        def training_loop(theta, x, y, gradient, orders, batch_size, lr, momentum):
            theta, m = theta.copy(), np.zeros(len(theta))
            for epoch in range(len(orders)):
                first = 0
                while first < x.shape[-1]:
                    g, images = np.zeros(len(theta)), 0
                    for n in orders[epoch][first : first + batch_size]:
                        g += gradient(theta, x[..., n : n + 1], y[:, n : n + 1])
                        images += 1
                    for i in range(len(theta)):
                        m[i] = momentum * m[i] + g[i] / images
                        theta[i] -= lr * m[i]
                    first += batch_size
            return theta
    """,
    "lenet5": """
        def lenet5(x, y, W1, b1, W2, b2, W3, b3, W4, b4, orders, batch_size, lr, momentum):
            theta = [W1, b1, W2, b2, W3, b3, W4, b4]
            m = [np.zeros(p.shape) for p in theta]
            losses = []
            for order in orders:
                for first in range(0, len(order), batch_size):
                    batch = order[first : first + batch_size]
                    loss, gradients = one_step(x[..., batch], y[:, batch], *theta)
                    losses.append(loss)
                    for k in range(8):
                        m[k] = momentum * m[k] + gradients[k]
                        theta[k] = theta[k] - lr * m[k]
            return np.array(losses), *theta

        def one_step(x, y, W1, b1, W2, b2, W3, b3, W4, b4):
            none, two = ((0, 0), (0, 0)), (2, 2)
            c1 = conv2d_forward(x, W1, b1, (1, 1), none)
            r1 = c1 * (c1 > 0)
            p1 = maxpool2d_forward(r1, two, two)
            c2 = conv2d_forward(p1, W2, b2, (1, 1), none)
            r2 = c2 * (c2 > 0)
            p2 = maxpool2d_forward(r2, two, two)
            flat = np.stack([p2[..., n].ravel() for n in range(x.shape[-1])], axis=1)
            d = dense_forward(flat, W3, b3)
            r3 = d * (d > 0)
            loss, dz = softmax_cross_entropy(dense_forward(r3, W4, b4), y)
            dr3, dW4, db4 = dense_backward(dz, r3, W4)
            dflat, dW3, db3 = dense_backward(dr3 * (d > 0), flat, W3)
            dp2 = np.stack([dflat[:, n].reshape(16, 4, 4) for n in range(x.shape[-1])], axis=3)
            dc2 = relu_backward(maxpool2d_backward(dp2, r2, two, two), c2)
            dp1, dW2, db2 = conv2d_backward(dc2, p1, W2, (1, 1), none)
            dc1 = relu_backward(maxpool2d_backward(dp1, r1, two, two), c1)
            _, dW1, db1 = conv2d_backward(dc1, x, W1, (1, 1), none)
            return loss, [dW1, db1, dW2, db2, dW3, db3, dW4, db4]
    """,
}
