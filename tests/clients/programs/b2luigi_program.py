"""A chain of tasks that b2luigi sends to HTCondor: numbers written by jobs, and their sum by another; one task that fails."""

from __future__ import annotations

import sys

import b2luigi


class Number(b2luigi.Task):
    number = b2luigi.IntParameter()

    def output(self):
        yield self.add_to_output("number.txt")

    def run(self) -> None:
        if self.number == 13:
            raise ValueError("13 is not a number for us")
        with open(self.get_output_file_name("number.txt"), "w") as file:
            file.write(f"{self.number}\n")


class Sum(b2luigi.Task):
    count = b2luigi.IntParameter()

    def requires(self):
        return [self.clone(Number, number=number) for number in range(1, self.count + 1)]

    def output(self):
        yield self.add_to_output("sum.txt")

    def run(self) -> None:
        total = 0
        for name in self.get_input_file_names("number.txt"):
            with open(name) as file:
                total += int(file.read())
        with open(self.get_output_file_name("sum.txt"), "w") as file:
            file.write(f"{total}\n")


class All(b2luigi.WrapperTask):
    def requires(self):
        return [Sum(count=4), Number(number=13)]


if __name__ == "__main__":
    b2luigi.set_setting("batch_system", "htcondor")
    b2luigi.set_setting("executable", [sys.executable])
    b2luigi.set_setting("htcondor_settings", {"request_cpus": "1", "request_memory": "100 MB"})
    b2luigi.set_setting("result_dir", "results")
    b2luigi.set_setting("batch_status_cache_ttl", 1)
    b2luigi.process(All(), batch=True, workers=6)
