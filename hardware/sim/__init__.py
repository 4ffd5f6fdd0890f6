"""A simulated Pixel 4 XL and Monsoon, at the wire.

The real clients (pyusb and Monsoon, pyserial, adbutils) run on what stands here: a USB backend, a pty and an adb
server. One `World` couples phone and meter. Nothing outside `hardware/bench.py` and the tests imports this package.
"""
