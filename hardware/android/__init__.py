"""The phone over adb: link, server, settings, the runner on the phone and its journal, the benchmark tool."""
