"""A law workflow whose branches are HTCondor jobs."""

from __future__ import annotations

import os
import sys

import law

law.contrib.load("htcondor")
HERE = os.environ["LAW_WORK"]


class Squares(law.htcondor.HTCondorWorkflow, law.LocalWorkflow):
    """Three branches; each writes the square of its number."""

    def create_branch_map(self):
        """Branch to number."""
        return {0: 2, 1: 3, 2: 4}

    def output(self):
        """One file a branch."""
        return law.LocalFileTarget(f"{HERE}/store/square_{self.branch}.json")

    def run(self):
        """Write it."""
        self.output().dump({"square": self.branch_data**2})

    def htcondor_output_directory(self):
        """Where jobs leave what they say."""
        return law.LocalDirectoryTarget(f"{HERE}/jobs")

    def htcondor_bootstrap_file(self):
        """What a job sources first."""
        return law.JobInputFile(f"{HERE}/bootstrap.sh", share=True, render_job=True)

    def htcondor_job_config(self, config, job_num, branches):
        """More of the description."""
        config.custom_content.append(("getenv", "false"))
        config.custom_content.append(("request_memory", "200 MB"))
        config.render_variables["here"] = HERE
        config.render_variables["bin"] = os.path.dirname(sys.executable)
        return config
