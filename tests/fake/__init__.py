"""The parts of FakeCloud, by noun; tests import it from tests.fakecloud."""
