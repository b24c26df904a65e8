class AdamParams:
    def __init__(self, learning_rate, beta1, beta2, eps, weight_decay, grad_clip_norm):
        self.learning_rate, self.beta1, self.beta2 = learning_rate, beta1, beta2
        self.eps, self.weight_decay, self.grad_clip_norm = eps, weight_decay, grad_clip_norm


class TensorData:
    def __init__(self, data, dtype, shape):
        assert shape == [len(data)] and dtype in ("int64", "float32")
        self.data = data


class ModelInput:
    @classmethod
    def from_ints(cls, ints):
        made = cls()
        made.ints = ints
        return made


class Datum:
    def __init__(self, model_input, loss_fn_inputs):
        self.model_input, self.loss_fn_inputs = model_input, loss_fn_inputs
