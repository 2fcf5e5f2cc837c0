"""What takes longer than an answer: dreams, sleep and fits, one after the other."""

from service.jobs.job import Job, Kind, State
from service.jobs.queue import Jobs, Running
from service.jobs.requests import DreamRequest, FitRequest, SleepRequest

__all__ = ["DreamRequest", "FitRequest", "Job", "Jobs", "Kind", "Running", "SleepRequest", "State"]
