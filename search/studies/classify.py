"""Says what sounds: runs a network from `search export` on sound files.

python classify.py NETWORK.tflite SOUND.wav [SOUND.wav ...] [--json]

Needs numpy, soundfile and ai-edge-litert, nothing else. Every number comes from the network's file, where it lies as
JSON in the metadata named energy-lab.description. This program is written beside every exported network, unless there
is another of its name: change it at will.
"""

import argparse
import json
import os
import sys

import numpy as np
import soundfile
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter


def read_description(tflite):
    model = schema.Model.GetRootAs(tflite, 0)
    for i in range(model.MetadataLength()):
        if model.Metadata(i).Name() == b"energy-lab.description":
            return json.loads(model.Buffers(model.Metadata(i).Buffer()).DataAsNumpy().tobytes())
    raise ValueError("it carries no description: write it with `search export`")


def read_clip(path, front):
    """The loudest two seconds, mono, at the network's rate; silence is added at the end of shorter sounds."""
    # Names need not be text on POSIX; soundfile takes them as bytes there.
    name = os.fsencode(path) if os.name == "posix" else path
    samples, rate_hz = soundfile.read(name, dtype="float32", always_2d=True)
    sound, n = resample(samples.mean(axis=1), rate_hz, front["rate_hz"]), front["n_samples"]
    if not len(sound) or not np.all(np.isfinite(sound)):
        raise ValueError("it holds no sound")
    if len(sound) <= n:
        return np.pad(sound, (0, n - len(sound)))
    energy = np.concatenate(([0.0], np.cumsum(sound.astype(np.float64) ** 2)))
    starts = np.arange(0, len(sound) - n + 1, front["rate_hz"] // 2)
    best = starts[np.argmax(energy[starts + n] - energy[starts])]
    return sound[best : best + n]


def resample(sound, rate_hz, wanted_hz):
    """A polyphase filter: a sinc under a Kaiser window, as scipy.signal.resample_poly has it, bit for bit."""
    divisor = np.gcd(rate_hz, wanted_hz)
    up, down = wanted_hz // divisor, rate_hz // divisor
    if up == down or not len(sound):
        return sound
    half = 10 * max(up, down)
    taps = np.sinc(np.arange(-half, half + 1) / max(up, down)) / max(up, down) * np.kaiser(2 * half + 1, 5.0)
    taps = (taps / taps.sum()).astype(np.float32) * np.float32(up)
    taps = np.pad(taps, (0, -len(taps) % up))
    place = np.arange(-(-len(sound) * up // down)) * down + half
    out = np.zeros(len(place), np.float32)
    for k in reversed(range(len(taps) // up)):
        source = place // up - k
        there = (source >= 0) & (source < len(sound))
        out += np.where(there, sound[np.clip(source, 0, len(sound) - 1)], np.float32(0)) * taps[place % up + k * up]
    return out


def log_mel(clip, front):
    """Logarithm of the power in bands that are triangles on the mel scale: (frames, bands)."""
    window, factor, corner_hz = front["window"], front["mel_factor"], front["mel_break_hz"]
    frames = np.lib.stride_tricks.sliding_window_view(clip, window)[:: front["hop"]]
    spectrum = np.fft.rfft(frames * np.hanning(window + 1)[:-1].astype(np.float32), n=front["n_fft"])
    power = (spectrum.real**2 + spectrum.imag**2) / window
    low_mel, high_mel = (factor * np.log10(1.0 + hz / corner_hz) for hz in (front["low_hz"], front["high_hz"]))
    edges = np.linspace(low_mel, high_mel, front["n_bands"] + 2)
    bins = factor * np.log10(1.0 + np.fft.rfftfreq(front["n_fft"], 1 / front["rate_hz"]) / corner_hz)[:, None]
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    filters = np.maximum(0.0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    return np.log(power @ filters.astype(np.float32) + front["floor"]).astype(np.float32)


def probabilities(interpreter, about, clip):
    """Of every class, by name."""
    spectrogram = log_mel(clip, about["front_end"])[None]
    level = spectrogram.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
    limit, source, result = about["limit"], about["input"], about["output"]
    seen = np.clip((spectrogram - level) / about["deviation"], -limit, limit).astype(np.float32)
    steps = np.clip(np.rint(seen / source["scale"]) + source["zero_point"], -128, 127).astype(np.int8)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], steps.reshape(source["shape"]))
    interpreter.invoke()
    levels = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
    shares = (levels.astype(np.float64) - result["zero_point"]) * result["scale"]
    return dict(zip(about["class_names"], shares.tolist(), strict=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network")
    parser.add_argument("sounds", nargs="+")
    parser.add_argument("--json", action="store_true", help="one list for all files, with every class")
    arguments = parser.parse_args()
    # Letters that the terminal cannot show become escapes.
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with open(arguments.network, "rb") as stream:
            tflite = stream.read()
        about = read_description(tflite)
        interpreter = Interpreter(model_content=tflite, num_threads=1)
        interpreter.allocate_tensors()
        # A description that does not fit the network shows here, on silence, not as a sound that is left out.
        probabilities(interpreter, about, np.zeros(about["front_end"]["n_samples"], np.float32))
    except Exception as error:
        why = f"its description has no {error}" if isinstance(error, KeyError) else error
        sys.exit(f"error: {arguments.network} cannot be run: {why}")
    found, n_failed = [], 0
    for path in arguments.sounds:
        try:
            every = probabilities(interpreter, about, read_clip(path, about["front_end"]))
        except Exception as error:
            n_failed += 1
            print(f"error: {path} is left out: {getattr(error, 'error_string', error)}", file=sys.stderr)
            continue
        best = max(every, key=every.get)
        found.append({"file": path, "class": best, "probability": every[best], "probabilities": every})
        if not arguments.json:
            print(f"{path}: {best} {every[best]:.2f}")
    if arguments.json:
        print(json.dumps(found, indent=1))
    sys.exit(2 if n_failed else 0)


def run():
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (for the life of the process)
    try:
        try:
            main()
        finally:
            sys.stdout.flush()
    except OSError as error:
        # What is still held is written at the end: nowhere. A reader that has gone away, as head, has what it wanted.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            print(f"error: stdout cannot be written: {error.strerror}", file=sys.stderr)
            sys.exit(74)


if __name__ == "__main__":
    run()
