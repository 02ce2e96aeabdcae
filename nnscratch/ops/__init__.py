"""The mathematics of the library: pure functions, arrays in, arrays out. README.md gives notation and reading order.

Callers write ``ops.conv2d_forward(...)``: the name is looked up at the call, so :mod:`nnscratch.ops.backend` can put
a compiled kernel of the same signature in the place of the readable function that is imported here.
"""

from nnscratch.ops.activations import (
    leaky_relu_backward,
    leaky_relu_forward,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    tanh_backward,
    tanh_forward,
)
from nnscratch.ops.batchnorm import (
    batchnorm_backward_batch,
    batchnorm_backward_running,
    batchnorm_backward_weights,
    batchnorm_combine,
    batchnorm_forward,
    batchnorm_moments,
    batchnorm_statistics,
    batchnorm_update_running,
)
from nnscratch.ops.conv import conv2d_backward_input, conv2d_backward_weights, conv2d_forward
from nnscratch.ops.dense import dense_backward_input, dense_backward_weights, dense_forward
from nnscratch.ops.distort import distort_batch
from nnscratch.ops.dropout import dropout_backward, dropout_forward
from nnscratch.ops.fused import (
    batchnorm_relu_pool_backward_input,
    batchnorm_relu_pool_backward_weights,
    batchnorm_relu_pool_forward,
    conv2d_relu_pool_backward,
    conv2d_relu_pool_forward,
    dense_relu_backward_weights,
    dense_relu_forward,
)
from nnscratch.ops.gather import gather_batch
from nnscratch.ops.losses import (
    label_cross_entropy,
    log_softmax,
    mean_squared_error,
    softmax_backward,
    softmax_cross_entropy,
    softmax_forward,
    target_cross_entropy,
    target_squared_error,
)
from nnscratch.ops.optimizers import (
    adam_update,
    add_gradient,
    average_update,
    clip_global_norm,
    decayed_gradient,
    momentum_update,
    nesterov_update,
    rmsprop_update,
    sgd_update,
    weight_decay_update,
)
from nnscratch.ops.pool import avgpool2d_backward, avgpool2d_forward, maxpool2d_backward, maxpool2d_forward

__all__ = [
    "adam_update",
    "add_gradient",
    "average_update",
    "avgpool2d_backward",
    "avgpool2d_forward",
    "batchnorm_backward_batch",
    "batchnorm_backward_running",
    "batchnorm_backward_weights",
    "batchnorm_combine",
    "batchnorm_forward",
    "batchnorm_moments",
    "batchnorm_relu_pool_backward_input",
    "batchnorm_relu_pool_backward_weights",
    "batchnorm_relu_pool_forward",
    "batchnorm_statistics",
    "batchnorm_update_running",
    "clip_global_norm",
    "conv2d_backward_input",
    "conv2d_backward_weights",
    "conv2d_forward",
    "conv2d_relu_pool_backward",
    "conv2d_relu_pool_forward",
    "decayed_gradient",
    "dense_backward_input",
    "dense_backward_weights",
    "dense_forward",
    "dense_relu_backward_weights",
    "dense_relu_forward",
    "distort_batch",
    "dropout_backward",
    "dropout_forward",
    "gather_batch",
    "label_cross_entropy",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "log_softmax",
    "maxpool2d_backward",
    "maxpool2d_forward",
    "mean_squared_error",
    "momentum_update",
    "nesterov_update",
    "relu_backward",
    "relu_forward",
    "rmsprop_update",
    "sgd_update",
    "sigmoid_backward",
    "sigmoid_forward",
    "softmax_backward",
    "softmax_cross_entropy",
    "softmax_forward",
    "tanh_backward",
    "tanh_forward",
    "target_cross_entropy",
    "target_squared_error",
    "weight_decay_update",
]
