"""Tests of hostile input and faults: signals, locks, full disks, fuzzing, threads, markup."""
