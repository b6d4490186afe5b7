"""Tests of the project start servers and talk to them from loops of their own."""

from tests.loops import no_loop_of_another_test as no_loop_of_another_test
