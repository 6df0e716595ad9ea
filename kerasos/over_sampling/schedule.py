"""How long to train where the user does not say."""

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


def default_steps(num_samples, batch_size, passes=50, bounds=(1_000, 20_000)):
    """Returns the training steps for a data set of this size.

    Ours: 25,000 steps are 89 passes over the 9,000 images of GAMO's table 1, and small
    tables are learnt in fewer; beyond the upper bound a fit takes hours on a CPU.

    Args:
        num_samples: Integer, size of the data set.
        batch_size: Integer.
        passes: Integer, over the data.
        bounds: Least and most steps.

    Example:

    >>> [default_steps(n, 32) for n in (100, 3_200, 1_000_000)]
    [1000, 5000, 20000]
    """
    lower, upper = bounds
    return min(max(passes * num_samples // batch_size, lower), upper)


def epochs_of(model, steps, steps_per_epoch):
    """Returns the epochs in which `model` takes `steps` steps of its last stage.

    Epochs that belong to earlier stages, an autoencoder's for instance, come on top.
    """
    epochs, epoch, wanted = 0, 0, -(-steps // steps_per_epoch)
    while epochs < wanted:
        epochs += model.stage_at(epoch) == model.stages[-1]
        epoch += 1
    return epoch
