"""Arguments that several callbacks share."""


def check_every(every):
    """Returns `every`, a positive number of epochs, or raises `ValueError`."""
    if not isinstance(every, int) or every < 1:
        raise ValueError(
            "`every` must be a positive number of epochs. Received: "
            f"every={every!r}. Give 1 for each epoch."
        )
    return every
