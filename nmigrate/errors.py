"""The expected failures of the domain, beside `cloud.api.CloudError`."""


class Conflict(Exception):
    """It cannot be done as things stand; `sentence` is one plain sentence for the person who asked."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        """As it was made, so that it can be told in any language; `str()` is its English text alone."""


class CommentMissing(Conflict):
    """It can be done, but not without a word of why."""
