"""How long to train where the user does not say."""

# Steps for a small and for a large data set, and passes over the data in between.
# Ours: 25,000 steps are 89 passes over the 9,000 images of GAMO's table 1, and small
# tables are learnt in fewer; beyond the upper bound a fit takes hours on a CPU.
DEFAULT_STEPS = (1_000, 20_000)
STEPS = {}  # {method: (lower, upper)} where they should differ
PASSES = 50
STEPS_PER_EPOCH = 100  # shorter epochs spend their time between epochs


def default_batch_size(num_samples):
    """Returns the batch size for a data set of this size, at most `num_samples`.

    32 below 10,000 samples, 128 below 100,000, then 512.

    Example:

    >>> [default_batch_size(n) for n in (20, 1_000, 50_000, 1_000_000)]
    [20, 32, 128, 512]
    """
    size = 32 if num_samples < 10_000 else 128 if num_samples < 100_000 else 512
    return min(size, num_samples)


def default_steps(method, num_samples, batch_size):
    """Returns the training steps for a data set of this size.

    50 passes over the data, but at least 1,000 and at most 20,000 steps.

    Args:
        method: Name of the method.
        num_samples: Integer, size of the data set.
        batch_size: Integer.

    Example:

    >>> [default_steps("gamo", n, 32) for n in (100, 3_200, 1_000_000)]
    [1000, 5000, 20000]
    """
    lower, upper = STEPS.get(method, DEFAULT_STEPS)
    return min(max(PASSES * num_samples // batch_size, lower), upper)


def stage_options(method, epochs, given):
    """Returns options for the stages of a method whose own numbers are for long runs.

    Args:
        method: Name of the method.
        epochs: Integer: of all stages if `given`, else of the last.
        given: Whether the user told the number of epochs.

    Example:

    >>> stage_options("two_stage_cvae", 10, given=False)
    {'vae_epochs': 10, 'latent_epochs': 10}
    >>> stage_options("bagan", 10, given=False)
    {}
    """
    if method != "two_stage_cvae":
        return {}
    first, second = epochs, epochs
    if given:
        first = max(1, epochs // 2)
        second = max(1, epochs - first)
    return {"vae_epochs": first, "latent_epochs": second}


def epochs_of(model, steps, steps_per_epoch):
    """Returns the epochs in which `model` takes `steps` steps of its last stage.

    Epochs that belong to earlier stages, an autoencoder's for instance, come on top.
    """
    epochs, epoch, wanted = 0, 0, -(-steps // steps_per_epoch)
    while epochs < wanted:
        epochs += model.stage_at(epoch) == model.stages[-1]
        epoch += 1
    return epoch
