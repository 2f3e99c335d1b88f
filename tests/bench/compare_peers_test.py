#!/usr/bin/env python3
"""bench/compare_peers.py: who is compared on which device, and what it makes of the times. No engine is needed: contenders
that print times take their places.

usage: compare_peers_test.py FOLDER_OF_COMPARE_PEERS
"""
import contextlib
import io
import sys
import unittest
from unittest import mock

sys.path.insert(0, sys.argv.pop(1))
sys.dont_write_bytecode = True
import compare_peers  # noqa: E402


def printing(*ms):
    return ["sh", "-c", f"echo warming up; echo '{{\"ms\": {list(ms)}}}'"]


def run(commands, *arguments, absent=()):
    """Exit status, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with mock.patch.object(compare_peers, "commands_of", lambda work: (commands, list(absent))), \
            mock.patch.object(sys, "argv", ["compare_peers.py", *arguments]), \
            contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = compare_peers.main()
    return status, out.getvalue(), err.getvalue()


def commands_of(*arguments, installed=True):
    """What is really run for these arguments."""
    seen = []

    def keep(work):
        seen.append(real(work))
        return {}, []
    real = compare_peers.commands_of
    with mock.patch.object(compare_peers.importlib.util, "find_spec", lambda module: installed or None), \
            mock.patch.object(compare_peers, "commands_of", keep), \
            mock.patch.object(sys, "argv", ["compare_peers.py", *arguments]), contextlib.redirect_stdout(io.StringIO()):
        compare_peers.main()
    return seen[0]


class ComparePeers(unittest.TestCase):
    def test_each_device_has_its_contenders_for_a_mode(self):
        names = {arguments: list(commands_of(*arguments)[0]) for arguments in
                 (("--mode=train",), ("--mode=infer",), ("--mode=infer", "--batch=1"), ("--mode=train", "--device=gpu"),
                  ("--mode=tc", "--device=gpu"))}
        self.assertEqual(list(names.values()), [
            ["daf", "torch", "torch, channels last", "torch.compile"],
            ["daf", "torch", "torch, channels last", "torch.compile", "onnxruntime", "openvino", "mnn"],
            ["daf", "torch", "torch, channels last", "torch.compile", "onnxruntime", "openvino", "mnn", "ncnn"],
            ["daf", "daf, tf32", "daf, bf16", "torch", "torch, channels last", "torch, bf16", "torch.compile",
             "torch.compile, bf16"],
            ["daf", "torch", "torch.compile"],
        ])

    def test_all_are_given_the_same_work(self):
        commands, absent = commands_of("--device=gpu", "--batch=512", "--mode=train", "--program=P", "--threads=3")
        self.assertEqual(absent, [])
        work = ["--mode=train", "--preset=paper", "--batch=512"]
        daf = ["P", "bench", *work, "--device=gpu", "--json"]  # which takes no threads there
        self.assertEqual(commands["daf"], daf)
        self.assertEqual(commands["daf, bf16"], [*daf, "--precision=bf16"])
        self.assertEqual(commands["torch, bf16"][2:], [*work, "--threads=3", "--device=gpu", "--play=torch, bf16"])

        commands, _ = commands_of("--mode=infer", "--program=P", "--threads=3")
        same = ["--mode=infer", "--preset=paper", "--batch=32", "--threads=3", "--device=cpu"]
        self.assertEqual(commands["daf"], ["P", "bench", *same, "--json"])
        self.assertEqual(commands["torch"][2:], [*same, "--play=torch"])

    def test_what_is_not_installed_is_named(self):
        commands, absent = commands_of("--mode=tc", installed=False)
        self.assertEqual((list(commands), absent), (["daf"], ["torch", "torch.compile"]))
        status, out, _ = run({"daf": printing(1)}, "--mode=tc", absent=absent)
        self.assertEqual(status, 0)
        self.assertIn("not installed: torch.compile (torch)\n", out)

    def test_times_are_medians_and_stand_over_dafs(self):
        status, out, err = run({"daf": printing(9, 2, 1), "torch": printing(3, 3, 100)}, "--rounds=1", "--threads=2")
        self.assertEqual((status, err), (0, ""))
        lines = [[cell.strip() for cell in line.split("|")] for line in out.splitlines()]
        self.assertEqual(lines[0], ["train, paper, batch 32, 2 threads, 1 rounds"])
        self.assertEqual(lines[2], ["contender", "ms", "MB", "its time over daf's"])
        self.assertEqual([(line[0], line[1], line[3]) for line in lines[4:]],
                         [("daf", "2.000", "1.00"), ("torch", "3.000", "1.50")])
        self.assertGreater(int(lines[4][2]), 0)

    def test_on_a_gpu_the_hosts_memory_is_left_out(self):
        _, out, _ = run({"daf": printing(2), "torch": printing(3)}, "--device=gpu", "--rounds=1")
        self.assertIn("train, paper, batch 32, one GPU, 1 rounds\n", out)
        self.assertEqual([line.count("|") for line in out.splitlines()[2:]], [2, 2, 2, 2])

    def test_a_goal_is_measured_by_the_best_of_the_others(self):
        commands = {"daf": printing(2), "slow": printing(9), "quick": printing(2.5)}
        _, out, _ = run(commands, "--goal=1.2", "--rounds=1")
        self.assertIn("\ngoal 1.2: met, the best of the others (quick) takes 1.25 of the time of daf\n", out)
        _, out, _ = run(commands, "--goal=1.3", "--rounds=1")
        self.assertIn("\ngoal 1.3: missed, ", out)
        _, out, _ = run({**commands, "daf, bf16": printing(1)}, "--goal=1.3", "--rounds=1", "--device=gpu")
        self.assertIn("\ngoal 1.3: met, the best of the others (quick) takes 2.50 of the time of daf, bf16\n", out)
        _, out, _ = run({"daf": printing(2)}, "--goal=1.3", "--rounds=1")
        self.assertIn("\ngoal 1.3: nobody to compare with\n", out)
        self.assertNotIn("goal", run(commands, "--rounds=1")[1])

    def test_a_contender_that_fails_is_told_and_the_others_stay(self):
        broken = ["sh", "-c", "echo CUDA: no driver; exit 1"]
        status, out, err = run({"daf": broken, "torch": printing(3)}, "--goal=2", "--rounds=1")
        self.assertEqual(status, 1)
        self.assertIn("daf failed: CUDA: no driver\n", err)
        self.assertIn("|                   ?\n", out)
        self.assertIn("\ngoal 2: nobody to compare with\n", out)


if __name__ == "__main__":
    unittest.main()
