"""Where builds and tests keep their files, and how they keep kernels quiet and repeatable."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"


def folders() -> dict[str, str]:
    """Environment variables that keep every tool's files inside the repository's ``.cache``."""
    return {
        "KERAS_HOME": str(CACHE / "keras"),
        "MPLCONFIGDIR": str(CACHE / "matplotlib"),
        "IPYTHONDIR": str(CACHE / "ipython"),
        "JUPYTER_CONFIG_DIR": str(CACHE / "jupyter" / "config"),
        "JUPYTER_DATA_DIR": str(CACHE / "jupyter" / "data"),
        "JUPYTER_RUNTIME_DIR": str(CACHE / "jupyter" / "runtime"),
    }


def build() -> dict[str, str]:
    """Environment variables for running notebooks unattended; writes the kernel's settings file.

    TensorFlow logs a line with the time and the process id whatever its log level, so kernels
    must not capture the file descriptors it writes to.
    """
    profile = CACHE / "ipython" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.py").write_text(
        "c = get_config()\nc.IPKernelApp.capture_fd_output = False\n"
    )
    return folders() | {
        "CONVBOOK_BUILD": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONHASHSEED": "0",
    }
